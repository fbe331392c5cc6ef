"""Value sets: which codes mean a thing, read from one CSV a set and a manifest that says where it comes from."""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from data_contracts.code_systems import SNOMED_CT, CodeSystem, code_system
from ehr_core.kernel.errors import BadRequest, NotFound

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class ValueSetCode:
    """One code of a set; `is_prefix` means every code that begins with it."""

    system: CodeSystem
    code: str
    display: str
    is_prefix: bool = False

    @property
    def token(self) -> str:
        """`uri|code`, with a trailing * for a prefix: what data requirements speak."""
        return f"{self.system.uri}|{self.code}{'*' if self.is_prefix else ''}"


@dataclass(frozen=True)
class ValueSet:
    """A named set of codes with its origin. `snomed_left_out` says that its SNOMED CT file is not installed."""

    id: str
    title: str
    url: str
    version: str
    source: str
    licence: tuple[str, ...]
    codes: tuple[ValueSetCode, ...]
    snomed_left_out: bool = False

    @property
    def tokens(self) -> frozenset[str]:
        return frozenset(code.token for code in self.codes)


def read_codes(path: Path) -> list[ValueSetCode]:
    """The codes of one CSV (system, code, display); raises BadRequest naming file and line."""
    with path.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        if rows.fieldnames != ["system", "code", "display"]:
            raise BadRequest(f"'{path.name}' must begin with the line: system,code,display.")
        return [_read_code(row, f"'{path.name}', line {number}") for number, row in enumerate(rows, start=2)]


def _read_code(row: dict[str, str], place: str) -> ValueSetCode:
    try:
        system = code_system(row["system"])
        written = row["code"]
        if not written.endswith("*"):
            return ValueSetCode(system, system.checked(written), row["display"])
        if not system.prefixes:
            raise BadRequest(f"{system.title} has no prefixes: list its codes one by one.")
        return ValueSetCode(system, written[:-1], row["display"], is_prefix=True)
    except BadRequest as problem:
        raise BadRequest(f"{place}: {problem.message}") from problem


def load_value_sets(folder: Path = FOLDER) -> dict[str, ValueSet]:
    """Every value set of a folder, by id. The folder's `snomed` part may be absent."""
    manifest = tomllib.loads((folder / "manifest.toml").read_text(encoding="utf-8"))
    return {
        name: _load(folder, name, entry, manifest["licence"]) for name, entry in manifest["value_set"].items()
    }


def _load(folder: Path, name: str, entry: dict, licences: dict[str, str]) -> ValueSet:
    path = folder / f"{name}.csv"
    if not path.is_file():
        raise BadRequest(f"The manifest names the value set '{name}', but '{path.name}' is not there.")
    codes = read_codes(path)
    extra = folder / "snomed" / f"{name}.csv"
    if any(code.system == SNOMED_CT for code in codes):
        raise BadRequest(f"'{path.name}' holds SNOMED CT codes. They belong in snomed/{path.name}.")
    has_snomed = entry["snomed"] and extra.is_file()
    if has_snomed:
        codes += read_codes(extra)
    return ValueSet(
        id=name,
        title=entry["title"],
        url=entry["url"],
        version=entry["version"],
        source=entry["source"],
        licence=tuple(licences[key] for key in entry["licence"])
        + ((licences["snomed"],) if has_snomed else ()),
        codes=tuple(codes),
        snomed_left_out=entry["snomed"] and not has_snomed,
    )


@lru_cache(maxsize=1)
def value_sets() -> dict[str, ValueSet]:
    """The value sets that ship with Almoner, read once."""
    return load_value_sets()


def value_set(name: str) -> ValueSet:
    """One value set; raises NotFound when there is none of that name."""
    if name not in value_sets():
        raise NotFound(f"There is no value set '{name}' in data_contracts/valuesets/manifest.toml.")
    return value_sets()[name]
