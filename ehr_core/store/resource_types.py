"""The resource types that the store keeps, read from resource_types.toml, where each word is explained."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from types import MappingProxyType

from ehr_core.kernel.errors import BadRequest

PERSON = "person"


@dataclass(frozen=True)
class ResourceType:
    """One type: whose record it belongs to and what is promoted. The words are those of the file."""

    name: str
    shared: bool = False
    patient: tuple[str, ...] = ()
    status: str | None = None
    code: str | None = None
    code_search: str | None = None
    category: str | None = None
    dates: tuple[str, ...] = ()
    date_search: str | None = None
    encounter: str | None = None
    named: str | None = None
    clinical_status: bool = False
    active: bool = False
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def table(self) -> str:
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.name).lower()

    @property
    def extra_columns(self) -> tuple[str, ...]:
        names: tuple[str, ...] = ()
        if self.named:
            names += ("name_text", "display_name")
        if self.named == PERSON:
            names += ("family_text", "given_text")
        if self.name == "Patient":
            names += ("gender", "birth_date", "deceased", "replaced_by", "phone_digits", "name_sounds")
        if self.active:
            names += ("active",)
        if self.clinical_status:
            names += ("clinical_status", "verification_status")
        return names + self.kept_columns

    @property
    def kept_columns(self) -> tuple[str, ...]:
        """Its own columns that an old version keeps: what decides who sees it."""
        return ("context",) if self.name == "Binary" else ()


def _read() -> dict[str, ResourceType]:
    rows = tomllib.loads(files("ehr_core.store").joinpath("resource_types.toml").read_text(encoding="utf-8"))
    found = {}
    for name, row in rows.items():
        for words in ("patient", "dates"):
            row[words] = tuple(row.get(words, ()))
        row["references"] = {search: tuple(paths) for search, paths in row.get("references", {}).items()}
        found[name] = ResourceType(name=name, **row)
    return found


RESOURCE_TYPES: Mapping[str, ResourceType] = MappingProxyType(_read())


def resource_type(name: str) -> ResourceType:
    """The row of a type; raises BadRequest for a type that the store does not keep."""
    try:
        return RESOURCE_TYPES[name]
    except KeyError:
        raise BadRequest("This resource type is not kept here. See the capability statement.") from None
