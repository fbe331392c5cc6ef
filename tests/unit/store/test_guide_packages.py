"""Packages from outside: good ones are read, and whatever is made to do harm is refused with a sentence."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time
from pathlib import Path

import pytest

from ehr_core.store.guides import package as reading
from ehr_core.store.guides.contents import contents_of
from ehr_core.store.guides.guides import SHIPPED
from ehr_core.store.guides.package import BadPackage, PackageTooLarge, read_package
from tests.lib.guide_files import (
    Member,
    code_system,
    files_of,
    manifest,
    packed,
    plain,
    profile,
    rule,
    search_parameter,
    value_set,
    written,
)

GOOD = profile("Goal", {"path": "Goal.note", "min": 1})


def nothing(url: str) -> None:
    return None


def test_a_package_is_read_from_a_tgz_and_from_its_folder(tmp_path: Path):
    read = read_package(written(tmp_path / "guide.tgz", GOOD, {"resourceType": "Patient"}))
    folder = tmp_path / "unpacked" / "package"
    folder.mkdir(parents=True)
    for name, body in files_of(GOOD, {"resourceType": "Patient"}).items():
        (folder / name).write_bytes(body)

    assert (read.name, read.version, read.passed_over) == ("example.guide", "1.0.0", 1)
    assert [each["url"] for each in read.resources] == [GOOD["url"]]
    assert read_package(folder).resources == read.resources
    assert read_package(folder.parent).resources == read.resources
    (tmp_path / "beside").mkdir()
    written(tmp_path / "beside" / "guide.tgz", GOOD)
    assert read_package(tmp_path / "beside").name == "example.guide"


def test_examples_and_indexes_are_passed_over(tmp_path: Path):
    members = [plain(f"package/{name}", body) for name, body in files_of(GOOD).items()]
    members += [plain("package/example/Patient-x.json", b"not json"), plain("package/.index.json", b"[]")]
    members += [plain("other/StructureDefinition-x.json", b"not json"), plain("package/notes.txt", b"x")]
    assert len(read_package(packed(tmp_path / "guide.tgz", members)).resources) == 1


def link(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("package/StructureDefinition-x.json")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


HARMFUL: dict[str, Member] = {
    "a path upwards": plain("package/../../etc/cron.d/x.json", b"{}"),
    "an absolute path": plain("/etc/x.json", b"{}"),
    "a path of Windows": plain("package\\..\\..\\x.json", b"{}"),
    "a drive": plain("C:/x.json", b"{}"),
    "a symbolic link": (link(tarfile.SYMTYPE), b""),
    "a hard link": (link(tarfile.LNKTYPE), b""),
    "a device": (link(tarfile.CHRTYPE), b""),
    "a pipe": (link(tarfile.FIFOTYPE), b""),
}


@pytest.mark.parametrize("harm", HARMFUL.values(), ids=HARMFUL.keys())
def test_what_leads_out_of_the_package_is_refused_and_nothing_is_written(tmp_path: Path, harm: Member):
    inside = tmp_path / "only"
    inside.mkdir()
    with pytest.raises(BadPackage, match=r"leads out of the package|link or a device"):
        read_package(packed(inside / "guide.tgz", [plain("package/package.json", b"{}"), harm]))
    assert [path.name for path in tmp_path.rglob("*")] == ["only", "guide.tgz"]


def test_links_in_a_folder_are_refused(tmp_path: Path):
    folder = tmp_path / "guide"
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps(manifest()))
    (folder / "ValueSet-x.json").symlink_to("/etc/passwd")
    with pytest.raises(BadPackage, match="is a link"):
        read_package(folder)
    (tmp_path / "alias.tgz").symlink_to("/etc/passwd")
    with pytest.raises(BadPackage, match="is a link"):
        read_package(tmp_path / "alias.tgz")


@pytest.mark.parametrize("layers", [1, 2], ids=["zeros in a file", "zeros packed twice"])
def test_a_bomb_is_noticed_while_it_is_small(tmp_path: Path, layers: int):
    bomb = tmp_path / "bomb.tgz"
    body = gzip.compress(b" " * 300_000_000, compresslevel=9, mtime=0)
    if layers == 1:
        header = tarfile.TarInfo("package/ValueSet-x.json")
        header.size = 30_000_000
        opening = header.tobuf() + b" " * 30_000_000
        bomb.write_bytes(gzip.compress(opening, compresslevel=9, mtime=0) + body)
    else:
        bomb.write_bytes(gzip.compress(body, mtime=0))
    began = time.monotonic()
    with pytest.raises((PackageTooLarge, BadPackage)):
        read_package(bomb)
    assert time.monotonic() - began < 2


def test_a_header_that_promises_more_than_anybody_has_is_refused(tmp_path: Path):
    header = tarfile.TarInfo("package/ValueSet-x.json")
    header.size = 8 * 1024**4
    (tmp_path / "guide.tgz").write_bytes(gzip.compress(header.tobuf()))
    with pytest.raises(PackageTooLarge, match="larger than"):
        read_package(tmp_path / "guide.tgz")


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "MOST_FILES", 20)
    with pytest.raises(PackageTooLarge, match="more than 20 files"):
        read_package(packed(tmp_path / "guide.tgz", [plain(f"package/{n}.txt", b"") for n in range(30)]))


def test_a_file_as_long_as_a_disk_is_refused_before_it_is_read(tmp_path: Path):
    huge = tmp_path / "guide.tgz"
    with huge.open("wb") as file:
        file.truncate(reading.LARGEST_PACKED + 1)
    with pytest.raises(PackageTooLarge, match="64 MB"):
        read_package(huge)


def half(body: bytes) -> bytes:
    return body[: len(body) // 2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not a package", "no whole .tgz"),
        (gzip.compress(b"not a tar", mtime=0), "no whole .tgz|no package.json"),
        (b"", "no whole .tgz|no package.json"),
    ],
)
def test_what_is_no_package_is_said_to_be_none(tmp_path: Path, content: bytes, said: str):
    (tmp_path / "guide.tgz").write_bytes(content)
    with pytest.raises(BadPackage, match=said):
        read_package(tmp_path / "guide.tgz")


def test_a_package_that_was_cut_off_is_not_half_taken(tmp_path: Path):
    whole = written(
        tmp_path / "guide.tgz", *[GOOD | {"url": f"http://x/{n}", "id": "é" * n} for n in range(200)]
    )
    whole.write_bytes(half(whole.read_bytes()))
    with pytest.raises(BadPackage, match="Fetch the package again"):
        read_package(whole)


@pytest.mark.parametrize(
    ("package", "said"),
    [
        (manifest(name="../evil"), "'name' must be"),
        (manifest(name=7), "'name' must be"),
        (manifest(version=""), "'version' must be"),
        (manifest(fhirVersions=["5.0.0"]), r"for FHIR 5\.0\.0"),
    ],
)
def test_a_package_says_who_it_is(tmp_path: Path, package: dict, said: str):
    with pytest.raises(BadPackage, match=said):
        read_package(written(tmp_path / "guide.tgz", GOOD, package=package))


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (b"{", "not valid JSON"),
        (b"\xff{}", "not valid JSON"),
        (b"[" * 200_000, "not valid JSON"),
        (b"[]", "not a JSON object"),
        (
            b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
            "not valid JSON",
        ),
        (json.dumps({"resourceType": "ValueSet"}).encode(), "has no url"),
        (json.dumps({"resourceType": "ValueSet", "url": "http://x\0"}).encode(), "has no url"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, resource: bytes, said: str):
    members = [plain("package/package.json", json.dumps(manifest()).encode())]
    with pytest.raises(BadPackage, match=f"'ValueSet-x.json' in the package.*{said}"):
        read_package(packed(tmp_path / "guide.tgz", [*members, plain("package/ValueSet-x.json", resource)]))


def test_one_address_means_one_definition(tmp_path: Path):
    with pytest.raises(BadPackage, match="a second time"):
        read_package(written(tmp_path / "guide.tgz", GOOD, GOOD))


def test_what_cannot_be_used_is_named_and_the_rest_is_taken(tmp_path: Path):
    package = read_package(
        written(
            tmp_path / "guide.tgz",
            GOOD,
            profile("Starship", name="starship"),
            search_parameter("odd", "composite", "Goal", "Goal"),
            search_parameter("note-text", "string", "Goal.note.text", "Goal"),
            value_set("colours", {"system": "http://x", "concept": [{"code": "red"}]}),
            code_system("shapes", {"code": "round", "concept": [{"code": "oval"}]}),
        )
    )
    contents = contents_of(package, nothing)
    assert contents.counts() == {"profile": 1, "value_set": 1, "code_system": 1, "search": 1}
    assert len(contents.left_out) == 1
    assert "parameters of type composite are not taken" in contents.left_out[0]


@pytest.mark.parametrize(
    "broken",
    [
        GOOD | {"differential": {"element": [{"path": "Goal.note", "type": "Annotation"}]}},
        GOOD | {"differential": {"element": [{"path": "Goal.note", "constraint": 7}]}},
        value_set("x") | {"compose": {"include": 7}},
        code_system("x") | {"concept": 7},
    ],
)
def test_a_definition_that_is_not_built_as_it_should_be_is_named(tmp_path: Path, broken: dict):
    with pytest.raises(BadPackage, match=f"{broken['url']} in the package is not built"):
        contents_of(read_package(written(tmp_path / "guide.tgz", broken)), nothing)


def test_more_codes_than_a_site_can_hold_are_refused(tmp_path: Path):
    concepts = [{"code": str(number)} for number in range(501_000)]
    huge = value_set("huge", {"system": "http://x", "concept": concepts})
    package = reading.Package("example.guide", "1.0.0", "Example", b"", (huge,), 0)
    with pytest.raises(PackageTooLarge, match="more than 500,000 codes"):
        contents_of(package, nothing)


def test_rules_that_would_run_for_ever_are_taken_in_and_said_to_be_unchecked(tmp_path: Path):
    catastrophic = rule("ex-1", "description.text.matches('(a+)+(?=b)')")
    fetching = profile(
        "Goal",
        {"path": "Goal", "constraint": [catastrophic]},
        {
            "path": "Goal.category",
            "binding": {"strength": "required", "valueSet": "http://10.0.0.1/ValueSet/x"},
        },
        baseDefinition="http://169.254.169.254/StructureDefinition/base",
    )
    contents = contents_of(read_package(written(tmp_path / "guide.tgz", fetching)), nothing)
    guides = type(SHIPPED)(1, dict(SHIPPED.profiles) | {part.url: part.facts for part in contents.parts})
    unchecked = guides.profile(fetching["url"]).unchecked
    assert len(unchecked) == 3
    assert any("matched safely" in words for words in unchecked)
    assert any("http://169.254.169.254" in words for words in unchecked)
    assert any("http://10.0.0.1/ValueSet/x" in words for words in unchecked)


def test_a_package_is_read_without_a_file_being_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = written(tmp_path / "guide.tgz", GOOD)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was unpacked")

    for name in ("extract", "extractall", "makefile", "makedir"):
        monkeypatch.setattr(tarfile.TarFile, name, refuse)
    assert read_package(path).resources


def test_an_archive_of_many_streams_is_one_package(tmp_path: Path):
    buffer = io.BytesIO(written(tmp_path / "guide.tgz", GOOD).read_bytes())
    whole = gzip.decompress(buffer.getvalue())
    (tmp_path / "two.tgz").write_bytes(gzip.compress(whole[:1024], mtime=0) + gzip.compress(whole[1024:]))
    assert read_package(tmp_path / "two.tgz").name == "example.guide"
