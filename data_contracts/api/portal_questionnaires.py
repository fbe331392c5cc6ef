"""Questionnaires that a person answers in the portal: the same as in the clinic, with nobody in the room."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from data_contracts.api.model import ApiModel
from data_contracts.api.questionnaires import QuestionnaireForm


class OwnQuestionnaire(ApiModel):
    form: QuestionnaireForm
    answered_on: date | None = Field(description="When it was last answered, here or in the clinic.")


class OwnQuestionnaires(ApiModel):
    questionnaires: list[OwnQuestionnaire]


class AnswerOwn(ApiModel):
    """Answers by item code. What is left out was not answered."""

    answers: dict[str, str] = Field(min_length=1, max_length=60)


class OwnAnswers(ApiModel):
    """What the person is told: never a score. With `needs_help` the crisis line stands first on the page."""

    received_at: datetime
    needs_help: bool
    unanswered: int
