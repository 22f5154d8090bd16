"""Content codings: bodies that arrive as gzip or zstd, unpacked piece by piece under a cap, and answers packed so."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import zstandard

from customer_features.service.problems import Refused
from customer_features.service.replies import Headers
from customer_features.service.weights import weight

ACCEPTED: Headers = ((b"accept-encoding", b"gzip, zstd"),)
"""What a refused coding is told, as RFC 9110 (12.5.3) has it."""

PIECE = 256 * 1024
"""Bytes that are unpacked at a time: between two of them others get their turn, and the cap is looked at."""

WORTH_PACKING = 1024
"""Bytes below which an answer is sent as it is."""

_GZIP = 31
"""zlib's word for a gzip wrapper around a window of the largest size."""
_WINDOW = 8 * 1024 * 1024
"""The largest window of a zstd frame, as RFC 9659 has it for HTTP."""
_LEVELS = {"gzip": 6, "zstd": 3}


class Unpacker(Protocol):
    """Unpacks a body as its pieces arrive."""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What comes out of a piece, at most ``PIECE`` bytes at a time. Raises Refused (400)."""
        ...

    def end(self) -> None:
        """Say that no more comes. Raises Refused (400) where the body breaks off."""
        ...


class Plain:
    """A body as it is."""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        yield piece

    def end(self) -> None:
        pass


class _Gzip:
    """Members of gzip, one behind the other."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        try:
            while piece:
                if self._member.eof:
                    self._member = zlib.decompressobj(_GZIP)
                self._begun = True
                yield self._member.decompress(piece, PIECE)
                # What did not fit into the piece, or stands behind the member's end.
                piece = self._member.unconsumed_tail or self._member.unused_data
            while not self._member.eof and (more := self._member.decompress(b"", PIECE)):
                yield more
        except zlib.error:
            raise _malformed("gzip") from None

    def end(self) -> None:
        if not self._begun or not self._member.eof:
            raise _malformed("gzip")


class _Zstd:
    """Frames of zstd, one behind the other."""

    def __init__(self) -> None:
        self._frame = self._next()
        self._begun = False

    @staticmethod
    def _next() -> zstandard.ZstdDecompressionObj:
        return zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj(read_across_frames=False)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        try:
            while piece:
                if self._frame.eof:
                    self._frame = self._next()
                self._begun = True
                # A few bytes of zstd may stand for megabytes: small pieces bound what comes out at once.
                head, piece = piece[:_BITE], piece[_BITE:]
                out = self._frame.decompress(head)
                piece = self._frame.unused_data + piece
                for start in range(0, len(out), PIECE):
                    yield out[start : start + PIECE]
        except zstandard.ZstdError:
            raise _malformed("zstd") from None

    def end(self) -> None:
        if not self._begun or not self._frame.eof:
            raise _malformed("zstd")


_BITE = 1024
"""A block of zstd is 128 KiB at most and takes 4 bytes at least, so that this much stands for 32 MiB at the most."""

_UNPACKERS: dict[str, Callable[[], Unpacker]] = {"gzip": _Gzip, "x-gzip": _Gzip, "zstd": _Zstd}

_UNPACKED = ("identity", "")
"""What says that a body is not packed."""

CODINGS = (*_UNPACKERS, *_UNPACKED)
"""What Content-Encoding may say."""


def unpacker(codings: list[str]) -> Unpacker:
    """What unpacks a body of these Content-Encoding values. Raises Refused (415)."""
    said = [part.strip().lower() for value in codings for part in value.split(",")]
    named = [name for name in said if name not in _UNPACKED]
    if not named:
        return Plain()
    if len(named) > 1 or named[0] not in _UNPACKERS:
        shown = ", ".join(named)[:60]
        raise Refused(
            "unsupported-media-type",
            f"Content-Encoding '{shown}' is not supported: send the body as gzip or zstd, once, or uncompressed.",
            close=True,
            headers=ACCEPTED,
        )
    return _UNPACKERS[named[0]]()


def chosen(accepted: list[str]) -> str | None:
    """The coding for an answer to these Accept-Encoding values: zstd before gzip, None for none."""
    weights: dict[str, float] = {}
    for value in accepted:
        for part in value.lower().split(","):
            name, *parameters = [word.strip() for word in part.split(";")]
            weights[name] = weight(parameters) or 0.0
    every = weights.get("*", 0.0)
    best = max(("zstd", "gzip"), key=lambda name: weights.get(name, every))
    return best if weights.get(best, every) > 0 else None


def packed(body: bytes, coding: str) -> bytes:
    """A body in that coding."""
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=_LEVELS[coding]).compress(body)
    return zlib.compress(body, _LEVELS[coding], wbits=_GZIP)


def _malformed(coding: str) -> Refused:
    return Refused("bad-request", f"The body is not {coding}, or breaks off in the middle.", close=True)
