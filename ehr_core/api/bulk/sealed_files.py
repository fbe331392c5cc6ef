"""Export files at rest: AES-256-GCM in frames, so that they are written and read in bounded memory.

A file is a magic line, then frames of (length, sealed bytes). The frame's number and whether it is the last one are
authenticated: a frame that is missing, doubled, moved or cut off is noticed. Each file has a key of its own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ehr_core.kernel.errors import Unavailable

MAGIC = b"almoner-sealed-1\n"
FRAME_BYTES = 1 << 20
TAG_BYTES = 16
LENGTH = struct.Struct(">I")
NONCE = struct.Struct(">4xQ")


def file_key(master_key_hex: str, label: str) -> bytes:
    """The key of one file, derived from the installation's bulk key and the file's unique label."""
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"bulk-file:{label}".encode())
    return derive.derive(bytes.fromhex(master_key_hex))


def _authenticated(number: int, *, last: bool) -> bytes:
    return b"%d:%d" % (number, last)


class SealedWriter:
    """Writes a sealed file; only a writer that was closed without an error leaves a readable one.

    A frame is sealed and written beside whoever makes the next one, one at a time and in order.
    """

    def __init__(self, path: Path, key: bytes):
        self._cipher = AESGCM(key)
        self._file = path.open("xb")
        self._file.write(MAGIC)
        self._waiting = b""
        self._sealed = memoryview(bytearray(LENGTH.size + FRAME_BYTES + TAG_BYTES))
        self._number = 0
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="seal")
        self._written: Future[None] | None = None
        self.plain_bytes = 0

    def write(self, data: bytes) -> None:
        """Raises what writing an earlier frame met."""
        self.plain_bytes += len(data)
        for start in range(0, len(data), FRAME_BYTES):
            piece = data[start : start + FRAME_BYTES]
            if self._waiting and len(self._waiting) + len(piece) > FRAME_BYTES:
                self._hand_over(last=False)
            self._waiting += piece

    def _hand_over(self, *, last: bool) -> None:
        if self._written is not None:
            self._written.result()
        self._written = self._beside.submit(self._frame, self._number, self._waiting, last)
        self._waiting = b""
        self._number += 1

    def _frame(self, number: int, plain: bytes, last: bool) -> None:
        """Each in the same memory: to be given a fresh megabyte costs several times as much as to seal it."""
        end = LENGTH.size + len(plain) + TAG_BYTES
        LENGTH.pack_into(self._sealed, 0, len(plain) + TAG_BYTES)
        associated = _authenticated(number, last=last)
        self._cipher.encrypt_into(NONCE.pack(number), plain, associated, self._sealed[LENGTH.size : end])
        self._file.write(self._sealed[:end])

    def __enter__(self) -> SealedWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._hand_over(last=True)
                self._written.result()
        finally:
            self._beside.shutdown()
            self._file.close()


def read_sealed(path: Path, key: bytes) -> Iterator[bytes]:
    """The plain bytes, frame by frame. Raises Unavailable when the file was changed or is incomplete."""
    cipher = AESGCM(key)
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise _damaged()
        sealed, number = _next_frame(file), 0
        while sealed is not None:
            following = _next_frame(file)
            try:
                yield cipher.decrypt(
                    NONCE.pack(number), sealed, _authenticated(number, last=following is None)
                )
            except InvalidTag as error:
                raise _damaged() from error
            sealed, number = following, number + 1
        if number == 0:
            raise _damaged()


def _next_frame(file) -> bytes | None:
    header = file.read(LENGTH.size)
    if not header:
        return None
    if len(header) < LENGTH.size:
        raise _damaged()
    length = LENGTH.unpack(header)[0]
    if not TAG_BYTES <= length <= FRAME_BYTES + TAG_BYTES:
        raise _damaged()
    sealed = file.read(length)
    if len(sealed) < length:
        raise _damaged()
    return sealed


def _damaged() -> Unavailable:
    return Unavailable("This export file is damaged or incomplete. Delete the export and start it again.")
