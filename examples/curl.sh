#!/usr/bin/env bash
# Ask the service about a file, with nothing but curl: curl.sh [-j] [-t TYPE] FILE [NAME=VALUE]...
#
# FILE is the contract's document (.json) or a table (.csv, .ndjson, .parquet, .arrow), each also packed (.gz, .zst).
# The answer goes to standard output: JSON, or of a table what -t names (csv, parquet, arrow). With -j the work is a
# job that is waited for: for what takes longer than a request may. NAME=VALUE are options of a table, for example
# today=2025-04-24 grain=line map=amount=total; those of a document stand in it.
# Where the service is and who asks comes from CUSTOMER_FEATURES_URL, CUSTOMER_FEATURES_API_ID and
# CUSTOMER_FEATURES_SECRET; the last two may be empty where it asks for no credentials.
# What may help later is tried again, $RETRIES times (default 5); a job is asked after every $PAUSE seconds (default 1).
# It exits with 0, with 1 where the data were refused, and with 2 where nothing could be asked or answered.
set -euo pipefail

stop() {
  printf 'curl.sh: %s\n' "$*" >&2
  exit 2
}

job=
accept=
while getopts jt: option; do
  case $option in
    j) job=1 ;;
    t)
      case $OPTARG in
        json) accept=application/json ;;
        csv) accept=text/csv ;;
        parquet) accept=application/vnd.apache.parquet ;;
        arrow) accept=application/vnd.apache.arrow.file ;;
        *) stop "-t '$OPTARG' is unknown; allowed are json, csv, parquet, arrow" ;;
      esac
      ;;
    *) stop "usage: curl.sh [-j] [-t TYPE] FILE [NAME=VALUE]..." ;;
  esac
done
shift $((OPTIND - 1))
(($#)) || stop "usage: curl.sh [-j] [-t TYPE] FILE [NAME=VALUE]..."
file=$1
shift
[[ -r $file && ! -d $file ]] || stop "$file cannot be read"
[[ -n ${CUSTOMER_FEATURES_URL:-} ]] ||
  stop "CUSTOMER_FEATURES_URL is not set; set it to where the service is, e.g. https://features.example.com"

headers=()
[[ -z $accept ]] || headers+=(--header "Accept: $accept")
name=$file
case $name in
  *.gz) headers+=(--header 'Content-Encoding: gzip') name=${name%.gz} ;;
  *.zst) headers+=(--header 'Content-Encoding: zstd') name=${name%.zst} ;;
esac
case $name in
  *.json) type=application/json ;;
  *.csv) type=text/csv ;;
  *.ndjson) type=application/x-ndjson ;;
  *.parquet) type=application/vnd.apache.parquet ;;
  *.arrow) type=application/vnd.apache.arrow.file ;;
  *) stop "$file: the suffix says what it is; allowed are .json, .csv, .ndjson, .parquet, .arrow, and .gz or .zst" ;;
esac
headers+=(--header "Content-Type: $type")

# The bytes of a text as they may stand in an address.
encoded() {
  local LC_ALL=C text=$1 place byte
  for ((place = 0; place < ${#text}; place++)); do
    byte=${text:place:1}
    case $byte in
      [a-zA-Z0-9._~-]) printf %s "$byte" ;;
      *) printf '%%%02X' "$(($(printf %d "'$byte") & 255))" ;;
    esac
  done
}

query=
for pair in "$@"; do
  [[ $pair == ?*=* ]] || stop "'$pair' is not of the form NAME=VALUE"
  [[ $type != application/json ]] || stop "'$pair': the options of a document stand in it"
  query+=${query:+&}$(encoded "${pair%%=*}")=$(encoded "${pair#*=}")
done
url=${CUSTOMER_FEATURES_URL%/}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# One request; the answer lies in $scratch, and its status is printed. The secret is in no argument, which others on
# this machine could read. To ask twice does no harm, so what may help later is tried again, when Retry-After says.
ask() {
  curl --silent --show-error --retry "${RETRIES:-5}" --retry-connrefused --max-time 600 \
    --config <(
      [[ -z ${CUSTOMER_FEATURES_API_ID:-} ]] || printf 'header = "X-Customer-Api-Id: %s"\n' "$CUSTOMER_FEATURES_API_ID"
      [[ -z ${CUSTOMER_FEATURES_SECRET:-} ]] || printf 'header = "X-Secret: %s"\n' "$CUSTOMER_FEATURES_SECRET"
    ) --output "$scratch/answer" --dump-header "$scratch/head" --write-out '%{http_code}' "$@" || exit 2
}

# What was refused, for people and for scripts: the problem document.
refused() {
  cat "$scratch/answer" >&2
  echo >&2
  [[ $1 == 422 ]] && exit 1
  exit 2
}

if [[ $job ]]; then
  # The same file and options are the same job: whoever asks again waits for the one that there is.
  digest=sha256sum
  command -v sha256sum >/dev/null || digest='shasum -a 256'
  key=$({ cat -- "$file"; printf '\n%s %s' "$query" "$accept"; } | $digest | cut -d ' ' -f 1)
  headers+=(--header 'Prefer: respond-async' --header "Idempotency-Key: $key")
fi
status=$(ask "${headers[@]}" --data-binary "@$file" "$url/api/v1/ai/customer_features${query:+?$query}")
if [[ $status == 202 ]]; then
  place=$(tr -d '\r' <"$scratch/head" | sed -n 's/^[Ll]ocation: //p' | tail -n 1)
  while true; do
    status=$(ask "$url$place")
    [[ $status == 200 ]] || refused "$status"
    case $(grep -o '"status":"[a-z]*"' "$scratch/answer" | head -n 1) in
      '"status":"done"') break ;;
      '"status":"failed"') refused "$(grep -o '"status":[0-9]*' "$scratch/answer" | grep -o '[0-9]*$' | head -n 1)" ;;
    esac
    sleep "${PAUSE:-1}"
  done
  status=$(ask "$url$place/result")
fi
[[ $status == 200 ]] || refused "$status"
cat "$scratch/answer"
