"""Questionnaires in other languages: words alone; codes, points and scores stay those of the English ones. Pure."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from data_contracts.api.questionnaires import Choice, Question, QuestionnaireForm


def in_language(form: QuestionnaireForm, language: str) -> QuestionnaireForm:
    """The form in that language; as it is where it has no words in it, and its `language` then says so."""
    words = _translations(language)
    said = words.get(form.questionnaire_id)
    if said is None:
        return form
    return form.model_copy(
        update={
            "language": language,
            "title": said["title"],
            "lead": said["lead"],
            "questions": [_question(one, said["items"], words["answers"]) for one in form.questions],
        }
    )


def _question(question: Question, items: dict[str, str], answers: dict[str, str]) -> Question:
    choices = [Choice(**{**one.model_dump(), "words": answers[one.code]}) for one in question.choices]
    return question.model_copy(update={"words": items[question.code], "choices": choices})


@cache
def _translations(language: str) -> dict[str, Any]:
    path = Path(__file__).with_name(f"questionnaires.{language}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
