"""Export files at rest: what was written comes back, and any change to the file is noticed."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr_core.api.bulk.sealed_files import FRAME_BYTES, MAGIC, SealedWriter, file_key, read_sealed
from ehr_core.kernel.errors import Unavailable

KEY = file_key("00" * 32, "job/file")


def seal(path, *parts: bytes) -> bytes:
    with SealedWriter(path, KEY) as writer:
        for part in parts:
            writer.write(part)
    return path.read_bytes()


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES])
def test_what_was_written_comes_back(tmp_path, size):
    data = os.urandom(size)
    sealed = seal(tmp_path / "f", data[: size // 3], data[size // 3 :])
    assert b"".join(read_sealed(tmp_path / "f", KEY)) == data
    assert size < 16 or data[:16] not in sealed


def test_each_file_has_a_key_of_its_own(tmp_path):
    seal(tmp_path / "f", b"secret")
    with pytest.raises(Unavailable):
        list(read_sealed(tmp_path / "f", file_key("00" * 32, "job/other")))


@given(st.data())
def test_no_changed_byte_goes_unnoticed(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("sealed") / "f"
    sealed = bytearray(seal(path, b"x" * 100))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(sealed)
    with pytest.raises(Unavailable):
        list(read_sealed(path, KEY))


@pytest.mark.parametrize("keep", [0, 5, len(MAGIC), len(MAGIC) + 2, len(MAGIC) + 4 + FRAME_BYTES + 16])
def test_a_file_that_was_cut_off_is_noticed(tmp_path, keep):
    path = tmp_path / "f"
    path.write_bytes(seal(path, b"x" * (FRAME_BYTES + 50))[:keep])
    with pytest.raises(Unavailable):
        list(read_sealed(path, KEY))


def test_frames_in_another_order_are_noticed(tmp_path):
    path = tmp_path / "f"
    sealed = seal(path, b"a" * FRAME_BYTES + b"b" * FRAME_BYTES + b"c")
    frame = 4 + FRAME_BYTES + 16
    first, second, rest = (
        sealed[len(MAGIC) : len(MAGIC) + frame],
        sealed[len(MAGIC) + frame : len(MAGIC) + 2 * frame],
        sealed[len(MAGIC) + 2 * frame :],
    )
    path.write_bytes(MAGIC + second + first + rest)
    with pytest.raises(Unavailable):
        list(read_sealed(path, KEY))


def fill_the_disk_while_writing(path) -> None:
    with SealedWriter(path, KEY) as writer:
        writer.write(b"half of it")
        raise OSError("disk full")


def test_an_error_while_writing_leaves_no_readable_file(tmp_path):
    with pytest.raises(OSError, match="full"):
        fill_the_disk_while_writing(tmp_path / "f")
    with pytest.raises(Unavailable):
        list(read_sealed(tmp_path / "f", KEY))
