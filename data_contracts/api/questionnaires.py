"""Questionnaires: what is asked, what was answered, the score, and what a worrying answer sets going."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientBanner

Where = Literal["in_person", "remote"]
"""`remote`: nobody of the clinic is in the room, as in a video visit, on the telephone or in the portal."""


class Choice(ApiModel):
    code: str
    words: str
    points: int


class Question(ApiModel):
    code: str = Field(description="LOINC code of the item.")
    words: str
    choices: list[Choice]


class QuestionnaireForm(ApiModel):
    questionnaire_id: str
    language: str = Field(default="en", description="In which the words are; codes and points are the same.")
    title: str
    code: str
    lead: str
    questions: list[Question]
    highest_score: int | None = Field(description="Null: this one has no score.")
    crisis_item: str | None = Field(
        default=None, description="An answer above 'not at all' here needs help at once."
    )


class QuestionnaireForms(ApiModel):
    forms: list[QuestionnaireForm]


class FillQuestionnaire(ApiModel):
    """Answers by item code. What is left out was not answered: then no score is reckoned."""

    at: datetime
    where: Where
    answers: dict[str, str] = Field(min_length=1, max_length=60)
    encounter_id: str | None = None


class CrisisHelp(ApiModel):
    """Shown at once. `owner` has the urgent task now; `then` gets it at `escalates_at` when nobody has taken it."""

    task_id: str
    words: str
    owner: str
    owner_phone: str | None
    then: str | None
    escalates_at: datetime | None
    covered: bool = Field(description="False: no coverage is named, so the task is with who filled this in.")


class Score(ApiModel):
    points: int
    highest: int
    band: str


class FilledQuestionnaire(ApiModel):
    response_id: str
    score: Score | None = Field(description="Null: there is none, or an item was not answered.")
    unanswered: list[str] = Field(description="The words of the items without an answer.")
    crisis: CrisisHelp | None = None
    outbox_position: int


class AnsweredLine(ApiModel):
    response_id: str
    questionnaire_id: str | None
    title: str
    at: str | None
    score: Score | None
    status: str
    by: str | None


class AnsweredQuestionnaires(ApiModel):
    patient_id: str
    answered: list[AnsweredLine]


class CoveragePerson(ApiModel):
    practitioner_id: str
    name: str = Field(min_length=1, max_length=200)
    phone: str | None = Field(default=None, max_length=40)


class CrisisCoverage(ApiModel):
    """Who answers an urgent item, in order; the next one gets it when it was not taken in time."""

    people: list[CoveragePerson] = Field(default=[], max_length=6)
    respond_within_minutes: int = Field(default=15, ge=1, le=240)
    version: int = Field(default=0, description="0: none is stored yet.")


TaskState = Literal["waiting", "taken", "done"]


class UrgentItem(ApiModel):
    """An urgent task as it stands now: `owner` is who has it at this moment, escalations reckoned in."""

    task_id: str
    version_id: int
    patient: PatientBanner
    words: str
    since: datetime
    state: TaskState
    owner: str
    owner_phone: str | None
    escalated: bool
    next_owner: str | None
    escalates_at: datetime | None


class UrgentItems(ApiModel):
    items: list[UrgentItem]


class TakeUrgent(ApiModel):
    version_id: int


class FinishUrgent(ApiModel):
    version_id: int
    outcome: str = Field(min_length=5, max_length=1000, description="What was found and done.")


class OwnQuestionnaires(ApiModel):
    """What a person may answer about themselves in the portal. The questions are in English."""

    forms: list[QuestionnaireForm]
    crisis_words: str = Field(
        description="Shown at once where an answer needs help, before anything is saved."
    )


class OwnAnswers(ApiModel):
    """Answers by item code."""

    answers: dict[str, str] = Field(min_length=1, max_length=60)
    language: str | None = Field(default=None, max_length=20)


class OwnFilled(ApiModel):
    """What the person reads afterwards. No score: a clinician talks about it."""

    unanswered: int
    crisis_words: str | None = Field(description="Help that is there now; null where no answer asks for it.")
