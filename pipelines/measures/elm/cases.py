"""Test cases of a folder: patients with the populations that the stewards expect, as published.

Three forms are read: NDJSON lines or JSON objects of `case`, `measure`, `period`, `expected` and `resources`; a bundle
with a MeasureReport that says what is expected; and a folder per case with its resources in files, such a report among
them. Each may be packed in a .zip. What looks like a case and is none of these is told of, not passed over.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ehr_core.kernel.errors import BadRequest, NotFound
from pipelines.measures.elm.expected import ExpectedGroup, expected_group
from pipelines.measures.elm.packages import LARGEST_UNPACKED, READ, objects_of, read_json

PLACES = ("cases", "tests", "input/tests", "test-cases", ".")
"""Where cases stand in a folder; the first that has any is taken."""
ZIP = ".zip"
OF_PACKAGES = frozenset({"Measure", "Library", "ValueSet", "CodeSystem"})
REPORT = "MeasureReport"
NO_REPORT = "It has a Patient and no MeasureReport that says what is expected."


@dataclass(frozen=True)
class Case:
    """`period` is None where the case leaves it to its measure."""

    name: str
    measure: str
    period: tuple[str, str] | None
    expected: tuple[ExpectedGroup, ...]
    resources: list[dict]


@dataclass(frozen=True)
class Unjudged:
    """What looks like a case and cannot be judged, where it stands, and why."""

    place: str
    why: str


def read_cases(folder: Path, unjudged: Callable[[Unjudged], None] | None = None) -> Iterator[Case]:
    """The cases of a folder. `unjudged` is told of what cannot be read as one; without it, that is a BadRequest.

    Raises NotFound without any.
    """
    for place in PLACES:
        found = list(_cases_in(folder / place)) if (folder / place).is_dir() else []
        for one in found:
            if isinstance(one, Case):
                yield one
            elif unjudged is None:
                raise BadRequest(f"{one.place}: {one.why}")
            else:
                unjudged(one)
        if found:
            return
    raise NotFound(
        f"'{folder}' has no cases. Put them into cases/ as NDJSON, as bundles with a MeasureReport, or as folders."
    )


def _cases_in(place: Path) -> Iterator[Case | Unjudged]:
    loose: dict[Path, list[dict]] = {}
    without_report: dict[Path, list[str]] = {}
    for file in sorted(place.rglob("*")):
        if file.name.startswith(".") or not file.name.endswith((*READ, ZIP)):
            continue
        for inner, where, content in _zipped(file) if file.suffix == ZIP else _contents(file):
            if isinstance(content, Unjudged):
                yield content
            elif "expected" in content or "case" in content:
                yield _written_case(content, where)
            elif content.get("resourceType") == "Bundle":
                resources = _entries(content)
                if _has(resources, REPORT):
                    yield from _reported_cases(resources, inner.name.partition(".")[0], where)
                elif _has(resources, "Patient"):
                    loose.setdefault(inner.parent, []).extend(resources)
                    without_report.setdefault(inner.parent, []).append(where)
            elif content.get("resourceType") and content["resourceType"] not in OF_PACKAGES:
                loose.setdefault(inner.parent, []).append(content)
    yield from _from_folders(place, loose, without_report)


def _entries(bundle: dict) -> list[dict]:
    entries = bundle.get("entry")
    return [
        one["resource"]
        for one in (entries if isinstance(entries, list) else [])
        if isinstance(one, dict) and isinstance(one.get("resource"), dict)
    ]


def _has(resources: Iterable[dict], kind: str) -> bool:
    return any(one.get("resourceType") == kind for one in resources)


def _contents(
    file: Path, read: Callable[[Path], Iterable[dict]] = read_json
) -> Iterator[tuple[Path, str, dict | Unjudged]]:
    """The JSON objects of a file with their places; a file that is not JSON as what cannot be judged."""
    try:
        for number, content in enumerate(read(file), 1):
            yield file, f"line {number} of {file.name}", content
    except BadRequest as error:
        yield file, file.name, Unjudged(file.name, str(error))


def _zipped(file: Path) -> Iterator[tuple[Path, str, dict | Unjudged]]:
    """The same of each file in an archive, as if it were a folder; nothing is written."""
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                inner = file / PurePosixPath(member.filename)
                if member.is_dir() or not inner.name.endswith((".json", ".ndjson")):
                    continue
                if member.file_size > LARGEST_UNPACKED:
                    yield inner, inner.name, Unjudged(f"{inner.name} in {file.name}", "It is too large.")
                    continue
                yield from _contents(inner, lambda one, name=member: objects_of(one, archive.read(name)))
    except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        yield file, file.name, Unjudged(file.name, f"It is no whole archive ({type(error).__name__}).")


def _written_case(content: dict, where: str) -> Case | Unjudged:
    try:
        resources = content["resources"]
        if isinstance(resources, dict):
            resources = [entry["resource"] for entry in resources["entry"]]
        expected = tuple(expected_group(one) for one in content["expected"])
        period = _period(content.get("period"))
        kept = [one for one in resources if isinstance(one, dict)]
        return Case(str(content["case"]), str(content["measure"]), period, expected, kept)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return Unjudged(where, "A case needs case, measure, period, expected and resources.")


def _period(period: dict | None) -> tuple[str, str] | None:
    return (str(period["start"]), str(period["end"])) if period else None


def _reported_cases(resources: list[dict], name: str, where: str) -> Iterator[Case | Unjudged]:
    """A case per MeasureReport among a patient's resources, whatever kind of report it is."""
    reports = [one for one in resources if one.get("resourceType") == REPORT]
    kept = [one for one in resources if one.get("resourceType") not in (REPORT, None)]
    for number, report in enumerate(reports, 1):
        try:
            yield Case(
                name if len(reports) == 1 else f"{name}-{number}",
                report["measure"],
                _period(report.get("period")),
                tuple(expected_group(group) for group in report.get("group", [])),
                _of_subject(kept, report),
            )
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            yield Unjudged(where, "Its MeasureReport needs measure, period and groups with populations.")


def _of_subject(resources: list[dict], report: dict) -> list[dict]:
    """Where there are several patients, those resources that are of none of the others."""
    patients = [one for one in resources if one["resourceType"] == "Patient"]
    subject = (report.get("subject") or {}).get("reference", "").rpartition("/")[2]
    if len(patients) < 2 or not any(one.get("id") == subject for one in patients):
        return resources
    others = {f"Patient/{one.get('id')}" for one in patients if one.get("id") != subject}
    return [
        one
        for one in resources
        if f"{one['resourceType']}/{one.get('id')}" not in others
        and not any((one.get(element) or {}).get("reference") in others for element in ("subject", "patient"))
    ]


def _from_folders(
    place: Path, loose: dict[Path, list[dict]], without_report: dict[Path, list[str]]
) -> Iterator[Case | Unjudged]:
    """A case per MeasureReport: what stands in the smallest folder around it that also holds a Patient."""
    judged: set[Path] = set()
    for folder, contents in sorted(loose.items()):
        for report in (one for one in contents if one.get("resourceType") == REPORT):
            around = folder
            while around != place and not _has(_under(loose, around), "Patient"):
                around = around.parent
            judged.add(around)
            inside = [one for one in _under(loose, around) if one.get("resourceType") != REPORT]
            yield from _reported_cases([report, *inside], around.name, str(around.relative_to(place)))
    for folder, contents in sorted(loose.items()):
        if _has(contents, "Patient") and not judged & {folder, *folder.parents}:
            for where in without_report.get(folder, [str(folder.relative_to(place))]):
                yield Unjudged(where, NO_REPORT)


def _under(loose: dict[Path, list[dict]], folder: Path) -> list[dict]:
    """The resources of a folder and those below it, each once."""
    found: dict[tuple, dict] = {}
    for other, contents in sorted(loose.items()):
        if other == folder or folder in other.parents:
            for one in contents:
                name = one.get("id") or f"#{len(found)}"
                found.setdefault((one.get("resourceType"), str(name)), one)
    return list(found.values())
