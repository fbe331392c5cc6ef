"""Reads a de-identification profile: the allow-list that an auditor reads is the one that the code runs."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ehr_core.kernel.errors import BadRequest

PROFILES = Path(__file__).with_name("profiles")
ProfileName = Literal["limited", "safe_harbor"]
DROP_REASONS = frozenset(
    {
        "attachments",
        "contact",
        "device_ids",
        "free_text",
        "identifiers",
        "names",
        "not_needed",
        "photos",
        "places",
        "urls",
    }
)
CODE_SYSTEMS = "code_systems.toml"
SNOMED_WORDS = "snomed/words.toml"
SETTINGS = (
    "profile",
    "words",
    "treatment",
    "common",
    "urn_target",
    "datatype",
    "extension",
    "changes",
    "rules",
)


@dataclass(frozen=True)
class Profile:
    """One allow-list, as written. `rules` holds numbers and lists of its own (ages, ZIP prefixes, states).

    `words` are those of `code` elements, by the element's name. `code_systems` and `canonicals` are rules by system
    and by address (see code_systems.toml).
    """

    name: str
    version: str
    description: str
    treatment: Mapping[str, str]
    common: Mapping[str, Any]
    datatypes: Mapping[str, Mapping[str, Any]]
    resources: Mapping[str, Mapping[str, Any]]
    extensions: Mapping[str, Mapping[str, Any]]
    urn_target: Mapping[str, str]
    words: Mapping[str, list[str]]
    code_systems: Mapping[str, Any]
    canonicals: Mapping[str, Any]
    rules: Mapping[str, Any] = field(default_factory=dict)

    @property
    def resource_types(self) -> frozenset[str]:
        return frozenset(self.resources)


def load_profile(name: ProfileName) -> Profile:
    """The profile of that name. Raises BadRequest when there is none, or when its list cannot be understood."""
    return parse_profile(_tables(name))


def parse_profile(tables: Mapping[str, Any]) -> Profile:
    """A profile from its TOML tables. Raises BadRequest naming the table that cannot be understood."""
    resources = {key: table for key, table in tables.items() if key not in SETTINGS}
    about = dict(tables["profile"])
    listed = tomllib.loads((PROFILES / CODE_SYSTEMS).read_text(encoding="utf-8"))
    profile = Profile(
        code_systems={uri: rule for part in about.pop("code_systems") for uri, rule in listed[part].items()},
        canonicals=listed["canonical"],
        words=_with_snomed(tables["words"]),
        **about,
        treatment=tables["treatment"],
        common=tables["common"],
        datatypes=tables["datatype"],
        resources=resources,
        extensions=tables.get("extension", {}),
        urn_target=tables.get("urn_target", {}),
        rules=tables.get("rules", {}),
    )
    for key, table in {"common": profile.common, **profile.datatypes, **resources}.items():
        _check(profile, key, table)
    return profile


def _with_snomed(words: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The words with SNOMED CT's, where the profile lists the element and the site has kept the file."""
    path = PROFILES / SNOMED_WORDS
    more = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: [*listed, *more.get(name, ())] for name, listed in words.items()}


def _tables(name: str) -> dict[str, Any]:
    path = PROFILES / f"{name}.toml"
    if not path.is_file():
        raise BadRequest(f"There is no de-identification profile '{name}'. Choose limited or safe_harbor.")
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    based_on = tables["profile"].pop("based_on", None)
    return _apply(_tables(based_on), tables) if based_on else tables


def _apply(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with another profile's changes: it may replace and take away, never add an element."""
    tables = copy.deepcopy(base)
    tables["profile"] = changes["profile"]
    tables["treatment"].update(changes.get("treatment", {}))
    tables["datatype"].update(changes.get("datatype", {}))
    tables["rules"].update(changes.get("rules", {}))
    for url in changes["changes"].get("drop_extensions", ()):
        del tables["extension"][url]
    for reason, paths in changes["changes"].get("dropped", {}).items():
        for path in paths:
            _take_away(tables, path, reason)
    return tables


def _take_away(tables: dict[str, Any], path: str, reason: str) -> None:
    *parents, element = path.split(".")
    table = tables
    for parent in parents:
        table = table[parent] if parent in table else table[f"{parent}[]"]
    for group, names in table.items():
        if isinstance(names, list) and (element in names or f"{element}[]" in names):
            table[group] = [name for name in names if name.removesuffix("[]") != element]
            table.setdefault("dropped", {}).setdefault(reason, []).append(element)
            return
    raise BadRequest(f"The profile drops '{path}', which is not in the profile that it is based on.")


def _check(profile: Profile, path: str, table: Mapping[str, Any]) -> None:
    for group, content in table.items():
        if group == "dropped":
            if unknown := set(content) - DROP_REASONS:
                raise BadRequest(
                    f"Profile '{profile.name}', {path}: no such reason to drop: {sorted(unknown)}."
                )
        elif group == "again":
            continue
        elif isinstance(content, Mapping):
            _check(profile, f"{path}.{group}", content)
        elif group not in profile.treatment and group not in profile.datatypes:
            raise BadRequest(f"Profile '{profile.name}', {path}: no treatment is given for '{group}'.")
        elif profile.treatment.get(group) == "listed_word" and (
            unknown := _names(content) - profile.words.keys()
        ):
            raise BadRequest(f"Profile '{profile.name}', {path}: no words are listed for {sorted(unknown)}.")


def _names(content: list[str]) -> set[str]:
    return {name.removesuffix("[]") for name in content}
