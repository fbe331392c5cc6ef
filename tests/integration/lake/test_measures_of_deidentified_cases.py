"""De-identification changes no measure result: every official case, before and after the `limited` profile."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from ehr_core.kernel.pseudonym import PseudonymKey
from pipelines.deidentify import Deidentifier, load_profile
from pipelines.measures.elm.cases import Case, read_cases
from pipelines.measures.elm.conformance import run_conformance
from pipelines.measures.elm.packages import published_words, read_package
from tests.lib.shared_data import shared_data


def scrubbed(folder: Path) -> Iterator[Case]:
    words = published_words(read_package(folder))
    scrubber = Deidentifier(load_profile("limited"), PseudonymKey("cases", bytes(range(32))), published=words)
    for case in read_cases(folder):
        lines = [scrubber.scrub(one["resourceType"], orjson.dumps(one)) for one in case.resources]
        yield replace(case, resources=[orjson.loads(line) for line in lines if line is not None])


def changed(only: tuple[str, ...] = ()) -> set[tuple[str, str]]:
    folder = shared_data("ecqm")
    before, after = (
        {
            (measure.measure, case.case): case.actual
            for measure in run_conformance(folder, only=only, cases=cases).measures
            for case in measure.cases
        }
        for cases in (read_cases, scrubbed)
    )
    assert before.keys() == after.keys()
    return {key for key in before if before[key] != after[key]}


def test_codes_units_reasons_and_profiles_survive_deidentification():
    assert changed(("CMS131", "CMS1056", "CMS1074", "CMS1264", "CMS22", "CMS50")) == set()


@pytest.mark.long
def test_every_official_case_gives_the_same_result_after_deidentification():
    assert changed() == set()
