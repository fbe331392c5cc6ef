"""People made for the bench: other codes of the same value sets change no answer, and no numerator is left empty."""

import numpy as np
import orjson
import pytest

from pipelines.measures.elm.engine import Engine
from pipelines.measures.elm.packages import read_package
from pipelines.measures.elm.records import Records
from tests.lib.official_people import PERIOD, OfficialPeople
from tests.lib.shared_data import shared_data


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(read_package(shared_data("ecqm")))


def numbers_of(people: OfficialPeople, name: str, size: int) -> dict[str, np.ndarray]:
    records = Records(people.engine.texts)
    for number in range(size):
        records.add_patient([orjson.loads(body) for _, body in people.person(number)])
    result = people.engine.evaluate(people.engine.compile(name), people.engine.run(records, PERIOD))
    group = result.groups[0]
    return {population: members.counts(size) for population, members in group.members.items()}


def test_codes_drawn_anew_from_the_value_sets_leave_each_case_as_its_steward_expects_it(engine):
    people = OfficialPeople(engine, shared_data("ecqm"), ["CMS165"], background=0)
    found = numbers_of(people, "CMS165", len(people.cases))
    for number, case in enumerate(people.cases):
        expected = {name.split("|")[0]: count for name, count in case.expected[0].populations.items()}
        assert {name: counts[number] for name, counts in found.items()} == expected
    written = {body for number in range(9) for _, body in people.person(number)}
    published = orjson.dumps([case.resources for case in people.cases[:9]])
    codes = {
        one["code"]["coding"][0]["code"]
        for one in map(orjson.loads, written)
        if "coding" in one.get("code", {})
    }
    assert any(f'"{code}"'.encode() not in published for code in codes)


@pytest.mark.long
def test_a_numerator_that_no_case_reaches_is_reached_by_charts_that_were_searched_for(engine):
    people = OfficialPeople(engine, shared_data("ecqm"), ["CMS125"])
    found = numbers_of(people, "CMS125", 150)
    assert sum(found["Numerator_1"]) > 0
    assert len(list(people.person(0))) >= 40
