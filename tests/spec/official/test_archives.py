"""A package as an archive: judged as its folder is; whatever leads out, is a link, is locked or grows is refused."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from ehr_core.kernel.errors import BadRequest
from pipelines.measures.official import archives
from pipelines.measures.official.archives import ArchiveTooLarge, BadArchive, opened
from pipelines.measures.official.validation import judge
from tests.lib.elm_package import small_package, written

FILE = json.dumps({"resourceType": "Basic", "id": "x"}).encode()


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


PACKED = {"package.zip": zipped, "package.tgz": tarred, "package.tar.gz": tarred}


@pytest.mark.parametrize("name", PACKED)
def test_an_archive_is_judged_as_the_folder_that_was_packed(tmp_path, name):
    folder = written(small_package(), tmp_path / "folder")
    files = {f"measures/{one.name}": one.read_bytes() for one in sorted(folder.iterdir())}
    files |= {"measures/readme.txt": b"x", "measures/cases/one.json": b"not JSON", "__MACOSX/._a.json": b"x"}
    first = next(iter(files))
    files[f"{first}.gz"] = gzip.compress(files.pop(first))
    judged = judge(PACKED[name](tmp_path / name, files))
    assert judged.problems == []
    assert judged.content == judge(folder).content


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize(
    "inner", ["../out.json", "a/../../out.json", "/etc/out.json", "a\\out.json", "c:out.json"]
)
def test_a_path_that_leads_out_is_refused_and_nothing_is_written_there(tmp_path, name, inner):
    place = tmp_path / "deep" / "deeper"
    place.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    path = PACKED[name](place / name, {"a.json": FILE, inner: FILE})
    with pytest.raises(BadArchive, match="leads out"), opened(path):
        pass
    assert [one for one in sorted(tmp_path.rglob("*")) if one not in before] == [path]


def test_links_and_devices_are_refused(tmp_path):
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        path = tmp_path / "linked.tgz"
        with tarfile.open(path, "w:gz") as archive:
            member = tarfile.TarInfo("a.json")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        with pytest.raises(BadArchive, match="link"), opened(path):
            pass
    path = tmp_path / "linked.zip"
    with zipfile.ZipFile(path, "w") as archive:
        member = zipfile.ZipInfo("a.json")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(BadArchive, match="link"), opened(path):
        pass


@pytest.mark.parametrize("name", PACKED)
def test_a_bomb_is_refused_before_it_has_unpacked(tmp_path, name):
    path = PACKED[name](tmp_path / name, {"a.json": bytes(30_000_000)})
    assert path.stat().st_size < 100_000
    with pytest.raises(ArchiveTooLarge, match="times its size"), opened(path):
        pass


@pytest.mark.parametrize("name", PACKED)
def test_a_bomb_inside_of_a_packed_file_is_refused_too(tmp_path, name):
    path = PACKED[name](tmp_path / name, {"a.json.gz": gzip.compress(bytes(30_000_000))})
    with pytest.raises(ArchiveTooLarge, match="times its size"), opened(path):
        pass


def test_too_many_files_and_too_large_ones_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_FILES", 3)
    path = zipped(tmp_path / "many.zip", {f"{number}.txt": b"" for number in range(4)})
    with pytest.raises(ArchiveTooLarge, match="more than 3 files"), opened(path):
        pass
    monkeypatch.setattr(archives, "LARGEST_FILE", 1_000)
    path = tarred(tmp_path / "large.tgz", {"a.json": os.urandom(2_000)})
    with pytest.raises(ArchiveTooLarge, match="larger than"), opened(path):
        pass


def test_what_is_no_archive_or_half_of_one_is_told_in_words(tmp_path):
    whole = tarred(tmp_path / "whole.tgz", {"a.json": os.urandom(5_000)}).read_bytes()
    for name, content in (("half.tgz", whole[: len(whole) // 2]), ("no.zip", FILE), ("no.tgz", FILE)):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(BadArchive, match="no whole archive"), opened(path):
            pass
    path = tmp_path / "half.json.gz"
    path.write_bytes(gzip.compress(FILE)[:-6])
    with pytest.raises(BadRequest, match="no whole"):
        judge(path)


def test_the_folder_of_an_archive_is_gone_after_the_reading(tmp_path):
    with opened(zipped(tmp_path / "a.zip", {"a.json": FILE})) as folder:
        assert [one.read_bytes() for one in folder.iterdir()] == [FILE]
    assert not folder.exists()
