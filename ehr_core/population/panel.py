"""The panel: who stands at each place, what is decided for them, and their charts as a stream of lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.ids import stable_id
from ehr_core.population.decisions import Decision, decide_all
from ehr_core.population.draws import Draws
from ehr_core.population.facts.chart import NAMESPACE
from ehr_core.population.facts.wellness import write_wellness
from ehr_core.population.person import Person, draw_person, life_ends
from ehr_core.population.site import Line, write_site
from ehr_core.population.stories import stories
from ehr_core.population.stories.telling import tell_facts, tell_person, wishes_of
from ehr_core.population.writing import write_chart


@cache
def _story_keys() -> tuple[str, ...]:
    return tuple(stories())


def plan_patient(index: int, seed: int, as_of: date) -> tuple[Person, dict[str, Decision]]:
    """Who this is and what is true of them. The first places belong to the named stories, whatever the seed."""
    if index < len(_story_keys()):
        story = stories()[_story_keys()[index]]
        person = tell_person(story, index, as_of)
        wishes = wishes_of(story)
    else:
        key = f"{seed}/{index}"
        patient_id = stable_id(NAMESPACE, f"{key}/patient")
        person = draw_person(key, index, patient_id, as_of, Draws(f"{key}/person"))
        wishes = {}
    decisions = decide_all(person, life_ends(person, as_of), Draws(f"{person.key}/decisions"), wishes)
    return person, decisions


def write_patients(start: int, stop: int, *, seed: int, as_of: date, time_zone: str) -> Iterator[Line]:
    """The charts of a range of places, one after another; each depends only on the seed and its own place."""
    for index in range(start, stop):
        person, decisions = plan_patient(index, seed, as_of)
        chart = write_chart(person, decisions, as_of, time_zone, Draws(f"{person.key}/facts"))
        if person.story:
            tell_facts(stories()[person.story], chart)
        write_wellness(chart)
        yield from chart.lines


def generate(patients: int, *, seed: int, as_of: date, time_zone: str) -> Iterator[Line]:
    """A panel as (resource type, NDJSON line without line break): the site first, then each patient together.

    Streams: one chart is in memory at a time, however many patients. The same arguments give the same bytes.
    Raises BadRequest when fewer than one patient is asked for.
    """
    if patients < 1:
        raise BadRequest("A population needs at least 1 patient. Pass a larger number.")
    yield from write_site(patients)
    yield from write_patients(0, patients, seed=seed, as_of=as_of, time_zone=time_zone)
