"""Packages: Measure, Library (ELM JSON), ValueSet and CodeSystem files of a folder, read and indexed."""

from __future__ import annotations

import base64
import binascii
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from ehr_core.kernel.errors import BadRequest, NotFound
from pipelines.measures.elm.value_sets import (
    CannotExpand,
    CodeSystem,
    ValueSet,
    address_of,
    compose,
    read_code_system,
    read_value_set,
)

__all__ = [
    "CodeSystem",
    "Package",
    "ValueSet",
    "contents",
    "cut_value_sets",
    "objects_of",
    "package_of",
    "read_json",
    "read_package",
]

ELM_JSON, ELM_XML = "application/elm+json", "application/elm+xml"
XML_LIBRARY = re.compile(
    rb"<(?:\w+:)?library\b[^>]*urn:hl7-org:elm:r1.*?<(?:\w+:)?identifier\s[^>]*?\bid=\"([^\"]+)\"", re.DOTALL
)
READ = (".json", ".json.gz", ".ndjson", ".ndjson.gz")
TESTS = frozenset({"tests", "test-cases"})
"""Folders of test cases that may also hold parts of the package: a file there that is not JSON stops nothing."""
LARGEST_UNPACKED = 500_000_000
"""Bytes of one packed file as it unpacks."""
OID = re.compile(r"\d+(?:\.\d+){4,}$")


def other_versions(package: Package) -> list[str]:
    """Where a library is asked for in a version that is not there, so that another one is used in its place."""
    asked = {
        (by[0], one["path"].rsplit("/", 1)[-1], one.get("version"))
        for by, elm in package.libraries.items()
        for one in elm.get("includes", {}).get("def", [])
    }
    for measure, content in package.measures.items():
        for canonical in content.get("library", []):
            url, _, version = canonical.partition("|")
            asked.add((measure, url.rsplit("/", 1)[-1], version or None))
    held = {name for name, _ in package.libraries}
    return [
        f"{by}: asks for the library {name} {version}, and {package.library(name)['identifier'].get('version')} is used"
        for by, name, version in sorted(asked, key=str)
        if version and name in held and (name, version) not in package.libraries
    ]


def published_words(package: Package) -> frozenset[str]:
    """What the libraries call the codes that they name one by one, exactly as they write it."""
    named = (
        one.get("display")
        for elm in package.libraries.values()
        for section in ("codes", "concepts")
        for one in elm.get(section, {}).get("def", [])
    )
    return frozenset(filter(None, named))


@dataclass
class Package:
    """What a folder holds. Libraries are found by id and version, or by id alone."""

    measures: dict[str, dict] = field(default_factory=dict)
    libraries: dict[tuple[str, str | None], dict] = field(default_factory=dict)
    value_sets: dict[str, ValueSet] = field(default_factory=dict)
    code_systems: dict[str, CodeSystem] = field(default_factory=dict)
    without_elm: dict[str, str] = field(default_factory=dict)
    """Libraries that are only there in a form that is not read, and which one."""
    composed: dict[str, dict] = field(default_factory=dict)
    """Value sets to be put together from others when they are first asked for."""
    unexpanded: dict[str, str] = field(default_factory=dict)
    """Those that cannot be, and why."""
    oids: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    """What is not as FHIR has it, and why; the rest is taken without it."""
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Of a FHIR Library whose ELM is not in it, the other names that the ELM may be found by."""

    def library(self, name: str, version: str | None = None) -> dict:
        """The library of that id; of the newest version when that version is not there. Raises NotFound."""
        exact = self.libraries.get((name, version))
        if exact is not None:
            return exact
        others = sorted((key for key in self.libraries if key[0] == name), key=lambda key: _ordered(key[1]))
        if others:
            return self.libraries[others[-1]]
        for other in self.aliases.get(name, ()):
            if any(key[0] == other for key in self.libraries):
                return self.library(other, version)
        if name in self.without_elm:
            raise NotFound(
                f"The library '{name}' is there only as {self.without_elm[name]}. Add its ELM JSON."
            )
        raise NotFound(f"The library '{name}' is not in the package. Add its ELM JSON.")

    def value_set(self, canonical: str) -> ValueSet | None:
        """By URL, with or without `|version`, or by its OID."""
        url = canonical.partition("|")[0]
        found = self.value_sets.get(canonical) or self.value_sets.get(url)
        if found is None and url in self.composed:
            return self._compose(url)
        number = OID.search(url)
        if found is None and number and self.oids.get(number[0], url) != url:
            return self.value_set(self.oids[number[0]])
        return found

    def _compose(self, url: str) -> ValueSet | None:
        content = self.composed.pop(url)
        try:
            found = compose(content, self.value_set, self.code_systems)
        except (CannotExpand, KeyError, TypeError) as error:
            self.unexpanded[url] = str(error)
            return None
        self.value_sets[url] = found
        return found

    def measure(self, name: str) -> dict:
        """By its name, id or address, or the beginning of its name, if only one begins so.

        Raises NotFound or BadRequest.
        """
        if name in self.measures:
            return self.measures[name]
        address = name.partition("|")[0]
        for known in self.measures.values():
            if address in (known.get("url"), known.get("id"), f"Measure/{known.get('id')}"):
                return known
        found = [known for known in self.measures if known.lower().startswith(name.lower())]
        exact = [known for known in found if not known[len(name) : len(name) + 1].isdigit()]
        if not exact:
            raise NotFound(f"No measure of the package is called '{name}'.")
        if len(exact) > 1:
            raise BadRequest(f"'{name}' may be {', '.join(sorted(exact))}. Write more of the name.")
        return self.measures[exact[0]]


def _ordered(version: str | None) -> list[tuple[int, str]]:
    """A version to sort by: 1.10 comes after 1.9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"[.\-]", version or "")]


def read_package(folder: Path, *, value_sets: Path | None = None, libraries: Path | None = None) -> Package:
    """Everything under the folder (cases left out), and what the two other places hold.

    Reads FHIR resources (one per file, bundles, NDJSON), bare ELM libraries and NDJSON lines of expanded value sets
    (`url`, `codes`), each also gzipped. Raises NotFound when the folder is not there.
    """
    places = dict.fromkeys(place for place in (folder, libraries, value_sets) if place is not None)
    package = package_of(content for place in places for content in contents(place))
    for place in places:
        for file in place.rglob("*.xml") if place.is_dir() else ():
            for name in XML_LIBRARY.findall(file.read_bytes()[:20_000]):
                package.without_elm.setdefault(name.decode(), "ELM XML, which is not read")
    return package


def package_of(found: Iterable[dict]) -> Package:
    """The package that these contents make up."""
    package = Package()
    for content in found:
        try:
            _take(package, content)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            name = f"{content.get('resourceType', 'JSON')} {content.get('url') or content.get('id') or ''}".strip()
            package.unreadable[name] = f"It cannot be read ({type(error).__name__}: {error})."
    return package


def contents(place: Path) -> Iterator[dict]:
    """The JSON objects of a file or folder, cases left out. Raises NotFound when it is not there."""
    if not place.exists():
        raise NotFound(f"There is no '{place}'. Name a folder with measures, libraries and value sets.")
    files = [place] if place.is_file() else sorted(place.rglob("*"))
    for file in files:
        around = file.relative_to(place).parts[:-1]
        hidden = any(name.startswith(".") for name in (*around, file.name))
        if "cases" in around or hidden or not file.name.endswith(READ):
            continue
        try:
            yield from read_json(file)
        except BadRequest:
            if not TESTS & set(around):
                raise


def read_json(file: Path) -> Iterator[dict]:
    """The JSON objects of a file. Raises BadRequest naming a file that is not JSON."""
    return objects_of(file, _unzipped(file) if file.suffix == ".gz" else file.read_bytes())


def objects_of(file: Path, raw: bytes) -> Iterator[dict]:
    """The JSON objects of what a file holds."""
    lines = raw.splitlines() if ".ndjson" in file.suffixes else [raw.removeprefix(b"\xef\xbb\xbf")]
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            content = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise BadRequest(f"Line {number} of '{file.name}' is not JSON.") from None
        for one in content if isinstance(content, list) else [content]:
            if isinstance(one, dict):
                yield one


def _unzipped(file: Path) -> bytes:
    """At most so much that it can be a package."""
    try:
        with gzip.open(file) as packed:
            raw = packed.read(LARGEST_UNPACKED + 1)
    except (OSError, EOFError, zlib.error):
        raise BadRequest(f"'{file.name}' is no whole .gz file. Pack or fetch it again.") from None
    if len(raw) > LARGEST_UNPACKED:
        raise BadRequest(f"'{file.name}' unpacks to more than {LARGEST_UNPACKED // 1_000_000} MB.")
    return raw


def _take(package: Package, content: dict) -> None:
    kind = content.get("resourceType")
    if kind in ("Measure", "Library"):
        for inside in content.get("contained", []):
            _take(package, inside)
    if kind == "Bundle":
        for entry in content.get("entry", []):
            _take(package, entry.get("resource") or {})
    elif kind == "Measure":
        package.measures[measure_name(content)] = content
    elif kind == "Library":
        _take_resource(package, content)
    elif kind == "CodeSystem" and content.get("url"):
        package.code_systems[content["url"]] = read_code_system(content)
    elif kind == "ValueSet" or (kind is None and "codes" in content and "url" in content):
        _take_value_set(package, content)
    elif kind is None and isinstance(content.get("library"), dict):
        _take_library(package, content["library"])
    elif (
        kind is None
        and "identifier" in content
        and ("statements" in content or "schemaIdentifier" in content)
    ):
        _take_library(package, content)


def measure_name(content: dict) -> str:
    return content.get("name") or content.get("id") or content.get("url", "").rsplit("/", 1)[-1]


def _take_library(package: Package, elm: dict) -> None:
    identifier = elm.get("identifier") or {}
    if "id" in identifier:
        package.libraries[identifier["id"], identifier.get("version")] = elm


def _take_resource(package: Package, content: dict) -> None:
    """A FHIR Library under all names that others may call it by."""
    names = (content.get("name"), content.get("id"), content.get("url", "").rsplit("/", 1)[-1])
    known = [name for name in names if name]
    files = [one.get("url", "").rsplit("/", 1)[-1].partition(".")[0] for one in content.get("content", [])]
    for elm in _elm_of(content):
        _take_library(package, elm)
        for name in known:
            package.libraries.setdefault((name, content.get("version")), elm)
        return
    forms = {part.get("contentType", "").partition(";")[0] for part in content.get("content", [])}
    if forms:
        form = "ELM XML, which is not read" if ELM_XML in forms else "CQL, which has to be translated first"
        for name in known:
            package.without_elm.setdefault(name, form)
            package.aliases.setdefault(name, tuple(one for one in (*known, *files) if one and one != name))


def _elm_of(library: dict) -> Iterator[dict]:
    for content in library.get("content", []):
        if content.get("contentType", "").partition(";")[0] == ELM_JSON and content.get("data"):
            try:
                elm = orjson.loads(base64.b64decode(content["data"]))
            except (binascii.Error, orjson.JSONDecodeError):
                name = library.get("name") or library.get("id")
                raise BadRequest(f"The ELM of the library '{name}' is not JSON in base64.") from None
            yield elm.get("library", elm)


def _take_value_set(package: Package, content: dict) -> None:
    """Of several of one address: by version each, and by the address alone the newest that has codes."""
    found = read_value_set(content)
    url = address_of(content)
    number = OID.search(url)
    if number:
        package.oids.setdefault(number[0], url)
    if found is None:
        package.composed.setdefault(url, content)
        return
    package.value_sets[f"{url}|{found.version}"] = found
    known = package.value_sets.get(url)
    if known is None or _better(found, known):
        package.value_sets[url] = found


def _better(found: ValueSet, known: ValueSet) -> bool:
    if bool(found.codes) != bool(known.codes):
        return bool(found.codes)
    return _ordered(found.version) > _ordered(known.version)


def cut_value_sets(package: Package, urls: Iterable[str]) -> dict[str, str]:
    """Those of which the publisher gives fewer codes than the expansion holds, and how many."""
    found = ((url, package.value_set(url)) for url in urls)
    return {
        url: f"{len(one.codes)} of {one.total} codes"
        for url, one in found
        if one is not None and one.total is not None and one.total > len(one.codes)
    }
