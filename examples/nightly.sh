#!/usr/bin/env bash
# Build the vectors of one day: nightly.sh SOURCE FOLDER [DAY]
#
# FOLDER gets features-DAY.parquet with its manifest (and quarantine), and log-DAY.jsonl. Of the features the last
# $KEEP days (default 14) are kept, of the logs as many. More options of `build` are taken from $OPTIONS.
# What it says goes to standard error, and only when something is wrong: cron mails what it is told.
# It exits as `customer-features build` does: 0, 1, 2, 130 or 143.
set -euo pipefail

source=$1 folder=$2 day=${3:-$(date +%F)} keep=${KEEP:-14}
log=$folder/log-$day.jsonl
if [[ ! $day =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ || ! $keep =~ ^[1-9][0-9]*$ ]]; then
  echo "nightly.sh: DAY must be YYYY-MM-DD and KEEP a number above 0; found '$day' and '$keep'" >&2
  exit 2
fi

# A signal to this script must reach the run, whose exit code then tells of it.
trap 'kill -TERM "$run" 2>/dev/null' TERM
trap 'kill -INT "$run" 2>/dev/null' INT
code=0
set -m  # else what runs in the background ignores SIGINT
# shellcheck disable=SC2086  # several options are several words
customer-features build "$source" --today "$day" --out "$folder/features-$day.parquet" --log json ${OPTIONS:-} \
  2>"$log" &
run=$!
set +m
wait "$run" || code=$?
while kill -0 "$run" 2>/dev/null; do wait "$run" || code=$?; done

case $code in
  0) ;;
  1) echo "nightly.sh: the data of $day were refused; the earlier files stand. Running it again gives the same." >&2 ;;
  2) echo "nightly.sh: $day cannot be built as it was asked for, or the machine is short of something." >&2 ;;
  130 | 143) echo "nightly.sh: the run of $day was interrupted; nothing is half-written. Run it again." >&2 ;;
  *) echo "nightly.sh: the run of $day ended with $code; what it left is swept by the next one." >&2 ;;
esac
if ((code)); then
  tail -n 5 "$log" >&2
  exit "$code"
fi

# The names are dates, so the oldest come first. The manifest goes first: without it nothing vouches for the rest.
shopt -s nullglob
days=("$folder"/features-????-??-??.parquet)
for ((old = 0; old < ${#days[@]} - keep; old++)); do
  features=${days[old]}
  rm -f -- "$features.manifest.json" "$features.quarantine.parquet" "$features"
done
logs=("$folder"/log-????-??-??.jsonl)
for ((old = 0; old < ${#logs[@]} - keep; old++)); do
  rm -f -- "${logs[old]}"
done
