"""One pair of files an oddity: what came in, and what each profile lets out. `null` is a quarantined resource.

Whatever must go says "dropped" in the input, so a leak is seen by eye as well.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from pipelines.deidentify import Deidentifier, load_profile

CASES = Path(__file__).with_name("cases")
NAMES = sorted(path.name.removesuffix(".in.json") for path in CASES.glob("*.in.json"))
AS_OF = date(2026, 11, 22)
ANNOUNCED_AS = {"another_type_than_announced": "Observation"}


class ReadableCodes:
    """Codes that can be read in the files; real ones are tested elsewhere."""

    key_id = "readable"

    def pseudonym(self, resource_type: str, resource_id: str) -> str:
        return f"code-for-{resource_type}-{resource_id}"


def scrubbed(name: str, profile: str) -> object:
    line = (CASES / f"{name}.in.json").read_bytes()
    resource_type = ANNOUNCED_AS.get(name) or json.loads(line)["resourceType"]
    deidentifier = Deidentifier(
        load_profile(profile), ReadableCodes(), own_bases=["https://ehr.example.org/fhir"], as_of=AS_OF
    )
    out = deidentifier.scrub(resource_type, line)
    assert deidentifier.report.is_balanced
    return None if out is None else exact(out)


def exact(text: bytes) -> object:
    """JSON with numbers as they are written: 7.10 is not 7.1."""
    return json.loads(text, parse_float=str, parse_int=str)


@pytest.mark.parametrize("profile", ["limited", "safe_harbor"])
@pytest.mark.parametrize("name", NAMES)
def test_what_comes_out_is_what_the_file_says(name, profile):
    expected = exact((CASES / f"{name}.{profile}.json").read_bytes())
    assert scrubbed(name, profile) == expected


@pytest.mark.parametrize("profile", ["limited", "safe_harbor"])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_says_dropped_comes_out(name, profile):
    assert "dropped" in (CASES / f"{name}.in.json").read_text() or name in WITHOUT_THE_WORD
    assert "dropped" not in json.dumps(scrubbed(name, profile))


WITHOUT_THE_WORD = {
    "a_94_year_old",
    "ages_in_numbers",
    "an_observation_of_age",
    "code_of_a_sites_own_system",
    "onset_that_tells_an_age_over_89",
    "urn_of_a_bundle",
}
