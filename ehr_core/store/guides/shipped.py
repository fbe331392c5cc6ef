"""What is known of profiles and value sets without any package: R4's vital signs and US Core 6.1.0, as facts."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

US_CORE, US_CORE_VERSION = "http://hl7.org/fhir/us/core/StructureDefinition/", "6.1.0"
R4, R4_VERSION = "http://hl7.org/fhir/StructureDefinition/", "4.0.1"
Facts = dict[str, Any]


@dataclass(frozen=True)
class Shipped:
    """Facts by address."""

    profiles: dict[str, Facts]
    value_sets: dict[str, Facts]
    code_systems: dict[str, Facts]


@cache
def shipped() -> Shipped:
    profiles = _profiles("r4_profiles.toml", R4, R4_VERSION)
    profiles |= _profiles("us_core.toml", US_CORE, US_CORE_VERSION)
    codes = _read("us_core_codes.toml")
    value_sets = [_value_set(each, R4_VERSION) for each in _read("r4_codes.toml")["value_set"]]
    value_sets += [_value_set(each, US_CORE_VERSION) for each in codes["value_set"]]
    return Shipped(
        profiles,
        {each["url"]: each for each in value_sets},
        {each["url"]: _code_system(each) for each in codes["code_system"]},
    )


def _read(name: str) -> Facts:
    return tomllib.loads(files("ehr_core.store.guides").joinpath(name).read_text(encoding="utf-8"))


def _profiles(name: str, start: str, version: str) -> dict[str, Facts]:
    return {
        f"{start}{key}": {"url": f"{start}{key}", "version": version, "whole": True, "rules": {}, **facts}
        for key, facts in _read(name).items()
    }


def _value_set(written: Facts, version: str) -> Facts:
    return {
        "url": written["url"],
        "version": version,
        "title": written["title"],
        "include": [_part(each) for each in written["include"]],
        "exclude": [_part(each) for each in written.get("exclude", ())],
    }


def _part(written: Facts) -> Facts:
    if "codes" not in written:
        return written
    return written | {"codes": [[code, ""] for code in written["codes"]]}


def _code_system(written: Facts) -> Facts:
    return written | {"version": US_CORE_VERSION, "codes": [[code, "", ""] for code in written["codes"]]}
