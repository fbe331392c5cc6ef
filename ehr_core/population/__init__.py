"""The synthetic population: pure and seeded, with planted gaps, an answer key and named stories."""

from ehr_core.population.answer_key import (
    ExpectedStatus,
    WithoutGaps,
    answer_key,
    people_without_gaps,
)
from ehr_core.population.demo_people import DemoPerson, demo_people
from ehr_core.population.panel import generate
from ehr_core.population.stories import stories, story_patient_id

__all__ = [
    "DemoPerson",
    "ExpectedStatus",
    "WithoutGaps",
    "answer_key",
    "demo_people",
    "generate",
    "people_without_gaps",
    "stories",
    "story_patient_id",
]
