"""Scores as tables: every answer counted, a gap is never a zero, and a worrying answer is heard in any case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from data_contracts.api.questionnaires import CoveragePerson, CrisisCoverage
from ehr_core.charting.questionnaires import crisis
from ehr_core.charting.questionnaires.definitions import (
    definition_of,
    definitions,
    is_crisis,
    score_of,
    whole_answers,
)
from ehr_core.kernel.errors import InvalidResource

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
FREQUENCY = ("LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9")


def answers(questionnaire_id: str, *points: int | None) -> dict[str, str]:
    """Answer codes by the points that they give; None leaves the item out."""
    questions = definition_of(questionnaire_id).form.questions
    return {
        question.code: next(choice.code for choice in question.choices if choice.points == wanted)
        for question, wanted in zip(questions, points, strict=True)
        if wanted is not None
    }


@pytest.mark.parametrize(
    ("questionnaire_id", "points", "score", "band"),
    [
        ("phq-9", [0] * 9, 0, "minimal"),
        ("phq-9", [1, 1, 1, 1, 0, 0, 0, 0, 0], 4, "minimal"),
        ("phq-9", [1, 1, 1, 1, 1, 0, 0, 0, 0], 5, "mild"),
        ("phq-9", [3, 3, 3, 0, 0, 0, 0, 0, 0], 9, "mild"),
        ("phq-9", [3, 3, 3, 1, 0, 0, 0, 0, 0], 10, "moderate"),
        ("phq-9", [3, 3, 3, 3, 3, 0, 0, 0, 0], 15, "moderately severe"),
        ("phq-9", [3] * 9, 27, "severe"),
        ("phq-9", [3, 3, 3, 3, 3, 3, 3, 3, None], None, None),
        ("phq-2", [1, 1], 2, "negative"),
        ("phq-2", [2, 1], 3, "positive: ask the whole PHQ-9"),
        ("gad-7", [3, 3, 3, 0, 0, 0, 0], 9, "mild"),
        ("gad-7", [3, 3, 3, 3, 3, 0, 0], 15, "severe"),
        ("gad-7", [3, None, 3, 3, 3, 0, 0], None, None),
        ("audit-c", [2, 0, 0], 2, "below the cut-off"),
        ("audit-c", [2, 1, 0], 3, "3 or more is positive in women"),
        ("audit-c", [4, 4, 4], 12, "positive"),
        ("audit-c", [0, None, None], 0, "below the cut-off"),
        ("audit-c", [1, None, None], None, None),
        ("hunger-vital-sign", [0, 0], 0, "no risk"),
        ("hunger-vital-sign", [0, 1], 1, "at risk"),
        ("social-needs", [0, 0, 0], None, None),
    ],
)
def test_a_score_is_the_sum_of_all_answers_or_there_is_none(questionnaire_id, points, score, band):
    definition = definition_of(questionnaire_id)
    found = score_of(definition, whole_answers(definition, answers(questionnaire_id, *points)))
    assert (found and (found.points, found.band)) == (None if score is None else (score, band))


@pytest.mark.parametrize(
    ("last", "rest", "worrying"), [(0, 3, False), (1, 0, True), (3, None, True), (None, 3, False)]
)
def test_the_last_item_is_heard_whatever_else_is_answered(last, rest, worrying):
    definition = definition_of("phq-9")
    answered = whole_answers(definition, answers("phq-9", *[rest] * 8, last))
    assert is_crisis(definition, answered) is worrying


@pytest.mark.parametrize(
    "wrong", [{"1-8": "LA6568-5"}, {"44250-9": "LA33-6"}], ids=["another question", "another answer"]
)
def test_an_answer_to_something_else_is_refused_with_what_there_is(wrong):
    with pytest.raises(InvalidResource):
        whole_answers(definition_of("phq-9"), wrong)


def check_digit(code: str) -> bool:
    """LOINC's: mod 10 over the digits; an answer's LA counts by the place that it stands at."""
    body, given = code.rsplit("-", 1)
    digits = body.removeprefix("LA")[::-1]
    total = sum(map(int, str(int(digits[0::2]) * 2))) + sum(map(int, digits[1::2]))
    remainder = 0 if not body.startswith("LA") else 5 if len(digits) % 2 == 0 else 2
    return (total + int(given)) % 10 == remainder


def test_every_code_has_its_check_digit():
    forms = [definition.form for definition in definitions().values()]
    codes = {form.code for form in forms}
    codes |= {question.code for form in forms for question in form.questions}
    codes |= {choice.code for form in forms for question in form.questions for choice in question.choices}
    codes |= {definition.score.code for definition in definitions().values() if definition.score}
    assert [code for code in sorted(codes) if not check_digit(code)] == []


def task(*people: str, minutes: int = 15):
    coverage = CrisisCoverage(
        people=[CoveragePerson(practitioner_id=name.lower(), name=name, phone="555-01") for name in people],
        respond_within_minutes=minutes,
    )
    return crisis.build_task(
        patient_id="p",
        response_id="r",
        encounter_id=None,
        requester={"display": "Asker"},
        coverage=coverage,
        at=NOW,
    )


@pytest.mark.parametrize(
    ("people", "after", "owner", "escalated", "next_owner"),
    [
        (("Chen", "Okafor"), 0, "Chen", False, "Okafor"),
        (("Chen", "Okafor"), 14, "Chen", False, "Okafor"),
        (("Chen", "Okafor"), 15, "Okafor", True, None),
        (("Chen",), 60, "Chen", False, None),
        ((), 0, "Asker", False, None),
    ],
)
def test_an_item_that_nobody_takes_goes_to_the_next_in_line(people, after, owner, escalated, next_owner):
    held = crisis.held_by(task(*people), NOW + timedelta(minutes=after))
    assert (held.owner, held.escalated, held.next_owner) == (owner, escalated, next_owner)


def test_an_item_that_was_taken_stays_with_who_took_it():
    mine = crisis.taken(task("Chen", "Okafor"), by={"display": "Diaz"}, at=NOW)
    held = crisis.held_by(mine, NOW + timedelta(hours=2))
    assert (held.owner, held.escalated, crisis.state_of(mine)) == ("Diaz", False, "taken")
