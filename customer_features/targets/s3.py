"""Objects in a store that speaks S3 as target: features, quarantine and manifest.

Everything is written to local files, and all parts of all three objects are sent, before anything is changed under
their keys. Then the earlier manifest is deleted, quarantine and features are completed, and the manifest last. A store
changes one object at a time and knows no locks: whoever waits for the manifest, and compares its SHA-256, never takes
objects of two runs for one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any

from customer_features.connections import s3
from customer_features.engines.duckdb.session import shortage, spilling_to
from customer_features.engines.results import Results
from customer_features.errors import MissingExtra, OutputError
from customer_features.sources.parts import first_line
from customer_features.system.temporary import Staging, scratch
from customer_features.targets.formats import (
    Published,
    check_suffix,
    describe,
    manifest_text,
    write_faulty_rows,
    write_features,
)
from customer_features.targets.manifest import manifest_of, quarantine_of
from customer_features.targets.s3_uploads import Upload, sweep, undisturbed

try:
    import duckdb
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("writing files", "bulk") from error

_TRIES = 3
"""So often a manifest that another run completed meanwhile is replaced, before it is given up."""


def check_target(out: str) -> None:
    """Raise OutputError where ``out`` cannot become the features, before any work is done.

    The bucket must be there, and an upload to it is begun and aborted, which shows the right to publish.
    """
    address = _address(out)
    client = s3.connected(str(address), OutputError)
    try:
        client.head_bucket(Bucket=address.bucket)
        with ExitStack() as leftovers:
            Upload(client, address, "-", leftovers)
    except s3.ERRORS as error:
        if s3.code_of(error) in ("404", "NoSuchBucket"):
            raise OutputError(f"{address}: {s3.no_bucket(client, address.bucket)}; make it first") from None
        raise OutputError(f"{address}: cannot be written: {s3.why(error, client, address)}") from None


def publish(engine: Results, out: str) -> Published:
    """Write the vectors of a judged run to ``out``, with quarantine and manifest beside it.

    Raises OutputError when something cannot be written, with what stands there then.
    """
    address = _address(out)
    features, aside, manifest = _targets(address)
    names = [PurePosixPath(target.key).name for target in (features, aside, manifest)]
    _keep_sources(engine, (features, aside, manifest))
    client = s3.connected(str(address), OutputError)
    try:
        with scratch(spilling_to()) as own, ExitStack() as leftovers:
            place = own / "published"  # the folder above is locked by this run already
            place.mkdir()
            vectors = Staging(place / names[0], leftovers)
            rows = write_features(engine, vectors)
            rejected = None
            if engine.outcome.quarantined:
                rejected = Staging(place / names[1], leftovers)
                write_faulty_rows(engine, rejected)
            described = describe(
                engine, _entry(vectors, rows), _entry(rejected, engine.outcome.quarantined) if rejected else None
            )
            text = Staging(place / names[2], leftovers)
            text.write(manifest_text(described))
            sweep(client, [features, aside, manifest])
            sent = _sent(client, features, vectors, leftovers)
            sent_aside = _sent(client, aside, rejected, leftovers) if rejected is not None else None
            voucher = _sent(client, manifest, text, leftovers)
            switch = _Switch(client, (features, aside, manifest), sent, sent_aside, voucher)
            with undisturbed():  # a signal that comes now is obeyed when the objects are one run's again
                switch.make(lambda: _sent(client, manifest, text, leftovers))
    except s3.ERRORS as error:
        why = s3.why(error, client, address)
        raise OutputError(f"{address}: cannot be written: {why}; nothing was published") from None
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        reason = shortage(error) or getattr(error, "strerror", None) or first_line(error)
        raise OutputError(
            f"{address}: cannot be written: {reason}; nothing was published (a copy is made on this machine first;"
            " --spill-dir says where)"
        ) from None
    return Published(str(features), names[2], str(aside) if sent_aside else None, described)


def planned(engine: Results, out: str) -> list[tuple[str, str]]:
    """The objects of a run, and what is in each. Raises OutputError where one would overwrite a source."""
    targets = _targets(_address(out))
    _keep_sources(engine, targets)
    features, aside, manifest = map(str, targets)
    return [
        (features, "the features"),
        (manifest, "the manifest, last"),
        (aside, "the rows set aside, where there are any"),
    ]


class _Switch:
    """The calls by which new objects take the place of the earlier ones, and what stands there after each."""

    def __init__(
        self,
        client: Any,
        addresses: tuple[s3.Address, s3.Address, s3.Address],
        features: Upload,
        aside: Upload | None,
        voucher: Upload,
    ) -> None:
        self.client = client
        self.addresses = addresses
        self.features, self.aside, self.voucher = features, aside, voucher
        self.done: list[str] = []

    def make(self, again: Callable[[], Upload]) -> None:
        """Take all steps. Raises OutputError with what stands there where one fails.

        ``again``: sends the manifest anew, since a refused completion may use an upload up.
        """
        _, aside, manifest = self.addresses
        self._step("the earlier manifest is gone", lambda: self._delete(manifest))
        if self.aside is not None:
            self._step("the new quarantine stands", self.aside.complete)
        else:
            self._step("no quarantine stands, as none is needed", lambda: self._delete(aside))
        self._step("the new features stand", self.features.complete)
        for _ in range(_TRIES):
            self._step("", self._refuse_another)
            if self._step("the new manifest stands", self._vouched):
                break
            self._step("", self._refuse_another)
            # It is of a run whose features ours have replaced: what it vouches for is gone.
            self._step("the manifest of another run is gone", lambda: self._delete(manifest))
            self.voucher = self._step("", again)
        else:
            raise self._another()
        # Another run may have completed its own between our look and our manifest.
        self._step("", self._refuse_another)

    def _vouched(self) -> bool:
        """Complete the manifest; False where one of another run stands already."""
        try:
            self.voucher.complete(IfNoneMatch="*")
        except s3.ERRORS as error:
            if s3.code_of(error) in ("412", "PreconditionFailed", "409", "ConditionalRequestConflict"):
                return False
            if s3.code_of(error) not in ("501", "NotImplemented"):
                raise
            self.voucher.complete()  # a store that knows no conditions
        return True

    def _refuse_another(self) -> None:
        ours = self.features.stands() and (
            self.aside.stands() if self.aside is not None else s3.head_of(self.client, self.addresses[1]) is None
        )
        if not ours:
            self.voucher.delete()  # it would vouch for what is not there
            raise self._another()

    def _another(self) -> OutputError:
        return OutputError(
            f"{self.addresses[0]}: another run published to it at the same time; what stands there is not of this run,"
            " and the manifest, if there is one, is the other's: let one run end before the next, and run again"
        )

    def _delete(self, address: s3.Address) -> None:
        if s3.head_of(self.client, address) is not None:
            self.client.delete_object(Bucket=address.bucket, Key=address.key)

    def _step(self, said: str, call: Callable[[], Any]) -> Any:
        """Take one step, and note what is so afterwards."""
        try:
            result = call()
        except s3.ERRORS as error:
            why = s3.why(error, self.client, self.addresses[0])
            # An answer that did not come leaves open what became of the request.
            unsure = f" (whether {said} is not known)" if said and not s3.code_of(error) else ""
            so_far = "; ".join(self.done) or "features and quarantine are the earlier ones"
            vouched = "; no manifest vouches for what stands there" if self.done else ""
            raise OutputError(
                f"{self.addresses[0]}: could not be published whole: {why}{unsure}; {so_far}{vouched}; run again"
            ) from None
        if said and result is not False:
            self.done.append(said)
        return result


def _address(out: str) -> s3.Address:
    address = s3.Address.of(out, OutputError)
    if address.key.endswith("/"):
        raise OutputError(f"{address}: is a folder; give an object's name in it")
    check_suffix(str(address), PurePosixPath(address.key).suffix)
    return address


def _targets(address: s3.Address) -> tuple[s3.Address, s3.Address, s3.Address]:
    """The addresses of features, quarantine and manifest."""
    final = Path(PurePosixPath(address.key).name)
    folder = address.key.removesuffix(final.name)
    aside, manifest = (s3.Address(address.bucket, folder + of(final).name) for of in (quarantine_of, manifest_of))
    return address, aside, manifest


def _keep_sources(engine: Results, targets: tuple[s3.Address, ...]) -> None:
    """Raise OutputError where an object of the run would take the place of one that was read."""
    parts = [*engine.parts, engine.loyalty] if engine.loyalty is not None else engine.parts
    read = {file.origin for part in parts for file in part.files}
    for target in targets:
        if str(target) in read:
            raise OutputError(
                f"{targets[0]}: {target} is one of the sources and would be overwritten; give another name"
            )


def _sent(client: Any, address: s3.Address, staging: Staging, leftovers: ExitStack) -> Upload:
    staging.to_disk()
    upload = Upload(client, address, staging.sha256, leftovers)
    upload.send(staging.path)
    return upload


def _entry(staging: Staging, rows: int) -> dict[str, Any]:
    return {"path": staging.final.name, "rows": rows, "bytes": staging.bytes, "sha256": staging.sha256}
