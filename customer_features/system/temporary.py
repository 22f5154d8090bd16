"""Files that take their final names all together, and what a killed run leaves of them.

A file is written under a temporary name, `.NAME.PID-TOKEN.part`, in the folder of its final name, and is
locked (flock) as long as its writer lives: a process id may be given to another process, a lock cannot.
Names are given and leftovers swept under a lock on the folder, so that two writers never mix. Where a file
system knows no such locks nothing is swept, and two writers on one target must not meet.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from customer_features.errors import OutputError

_BUFFERED = 1 << 20
_NO_LOCKS = {errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EBADF, errno.EINVAL}
_NO_LINKS = {errno.ENOTSUP, errno.ENOSYS, errno.EPERM, errno.EMLINK}


class Staging(io.RawIOBase):
    """A file under a temporary name, locked by its writer, that counts and hashes what is written.

    ``leftovers`` discards it in the end, unless it was renamed.
    """

    def __init__(self, final: Path, leftovers: ExitStack) -> None:
        self.final = final
        self.path = _temporary(final)
        self.bytes = 0
        self._digest = hashlib.sha256()
        self._renamed = False
        with _alone(final.parent):  # no one sweeps between the name and its lock
            self._file = self.path.open("xb", buffering=_BUFFERED)
            leftovers.callback(self._discard)
            _lock(self._file.fileno())

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._file.write(view)
        self._digest.update(view)
        self.bytes += len(view)
        return len(view)

    def adopt(self) -> None:
        """Count and hash what another writer put into the same file."""
        with self.path.open("rb") as file:
            if not os.path.sameopenfile(file.fileno(), self._file.fileno()):
                raise OSError(errno.ESTALE, "another file stands under the temporary name")
            self._digest = hashlib.file_digest(file, "sha256")
            self.bytes = file.tell()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def to_disk(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def rename(self) -> None:
        self.path.replace(self.final)
        self._renamed = True

    def _discard(self) -> None:
        with suppress(OSError):  # on a full disk the last bytes cannot be flushed, nor need they be
            self._file.close()
        if not self._renamed:
            _remove(self.path)


def put_in_place(files: Iterable[Staging], gone: Iterable[Path], voucher: Staging) -> None:
    """Give the staged files their final names and take ``gone`` away: all of it, or nothing.

    Bytes reach the disk before their name does, and names before the voucher's. The earlier voucher goes
    first: whenever a voucher stands beside the files, it is theirs. When something fails on the way, the
    earlier files get their names back.
    """
    files, gone = list(files), list(gone)
    for staged in (*files, voucher):
        staged.to_disk()
    finals = [*gone, *(staged.final for staged in files), voucher.final]
    with _alone(voucher.final.parent) as folder, ExitStack() as leftovers:
        earlier = {final: _kept(final, leftovers) for final in finals}
        try:
            if earlier[voucher.final]:
                voucher.final.unlink()
                os.fsync(folder)
            for final in gone:
                final.unlink(missing_ok=True)
            for staged in files:
                staged.rename()
            for other in {staged.final.parent for staged in files} - {voucher.final.parent}:
                _flush(other)
            os.fsync(folder)
            voucher.rename()
            os.fsync(folder)
        except BaseException:
            _put_back(earlier, voucher.final)
            with suppress(OSError):
                os.fsync(folder)
            raise


def _put_back(earlier: dict[Path, Path | None], voucher: Path) -> None:
    """Undo it: the new voucher goes first, the earlier one comes last."""
    try:
        voucher.unlink(missing_ok=True)
        for final, kept in earlier.items():
            if kept is None:
                final.unlink(missing_ok=True)
            else:
                kept.replace(final)
    except OSError as error:
        raise OutputError(
            f"{voucher.parent}: cannot be written, nor could the earlier files all be put back: {error.strerror};"
            f" no {voucher.name} vouches for them, so build them again"
        ) from None


def _kept(final: Path, leftovers: ExitStack) -> Path | None:
    """A second name for the file that stands under a final name, if one does."""
    kept = _temporary(final)
    leftovers.callback(_remove, kept)
    try:
        kept.hardlink_to(final)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(final, kept)  # a file system without links
    return kept


def sweep(finals: Iterable[Path]) -> None:
    """Take away what dead runs left under temporary names of these files (all in one folder)."""
    finals = list(finals)
    folder = finals[0].parent
    names = "|".join(re.escape(final.name) for final in finals)
    leftover = re.compile(rf"\.({names})\.\d+-[0-9a-f]{{8}}\.part")
    with _alone(folder):
        for path in folder.iterdir():
            if leftover.fullmatch(path.name):
                with suppress(OSError):  # a living run's, another person's, or no locks here
                    _sweep_one(path)


@contextmanager
def scratch(place: Path | None = None) -> Iterator[Path]:
    """A temporary folder of this run alone, in ``place`` (default: the system's); those of dead runs are swept first.

    Raises OutputError where no folder can be made there.
    """
    place = Path(tempfile.gettempdir()) if place is None else place
    for path in place.glob("customer-features.*-*.part"):
        with suppress(OSError):  # as above
            _sweep_one(path)
    try:
        folder, handle = _locked_folder(place)
    except OSError as error:
        raise OutputError(
            f"{place}: a folder for temporary files cannot be made there: {error.strerror}; name another one with"
            " --spill-dir or TMPDIR"
        ) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _locked_folder(place: Path) -> tuple[Path, int]:
    while True:
        folder = place / f"customer-features.{os.getpid()}-{secrets.token_hex(4)}.part"
        folder.mkdir(mode=0o700)
        with suppress(FileNotFoundError):  # a sweeper came before the lock
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            _lock(handle)
            if folder.exists():
                return folder, handle
            os.close(handle)


def _sweep_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    finally:
        os.close(handle)


def _flush(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    with suppress(OSError):  # what cannot be removed now is swept by the next run
        path.unlink(missing_ok=True)


def _temporary(final: Path) -> Path:
    return final.with_name(f".{final.name}.{os.getpid()}-{secrets.token_hex(4)}.part")


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Hold the lock on a folder; yields its descriptor, to be flushed by."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(handle)
        yield handle
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    """Wait for the lock on an open file or folder, where the file system knows locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
