"""The questionnaires there are, read from questionnaires.toml, and their scores. Pure."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from data_contracts.api.questionnaires import Choice, Question, QuestionnaireForm, Score
from data_contracts.code_systems import LOINC
from ehr_core.charting.recordable import refused


@dataclass(frozen=True)
class ScoreRule:
    """`coded` turns the sum into one of these answers (code, words, from how many points on)."""

    code: str
    name: str
    most: int
    bands: tuple[tuple[int, str], ...]
    coded: tuple[tuple[str, str, int], ...] = ()

    def band(self, points: int) -> str:
        return [words for least, words in self.bands if points >= least][-1]


@dataclass(frozen=True)
class Skip:
    """An answer that makes other questions meaningless: they then have these answers."""

    item: str
    answer: str
    answers: dict[str, str]


@dataclass(frozen=True)
class Definition:
    form: QuestionnaireForm
    score: ScoreRule | None
    skip: Skip | None

    @property
    def questions(self) -> dict[str, Question]:
        return {question.code: question for question in self.form.questions}


@cache
def definitions() -> dict[str, Definition]:
    """Every questionnaire by its id, in the file's order."""
    path = Path(__file__).with_name("questionnaires.toml")
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    choices = {
        name: [Choice(code=LOINC.checked(code), words=words, points=points) for code, words, points in rows]
        for name, rows in content["answers"].items()
    }
    return {entry["id"]: _definition(entry, choices) for entry in content["questionnaire"]}


def definition_of(questionnaire_id: str) -> Definition:
    """Raises InvalidResource naming those there are."""
    found = definitions().get(questionnaire_id)
    if found is None:
        listed = ", ".join(definitions())
        raise refused("questionnaire_id", f"There is no such questionnaire. Choose one of: {listed}.")
    return found


def whole_answers(definition: Definition, answers: dict[str, str]) -> dict[str, Choice]:
    """The choices made, with those that a skipped question implies. Raises InvalidResource naming the item."""
    given = dict(answers)
    skip = definition.skip
    if skip is not None and given.get(skip.item) == skip.answer:
        given = {**skip.answers, **given}
    return {code: _choice(definition, code, answer) for code, answer in given.items()}


def score_of(definition: Definition, answered: dict[str, Choice]) -> Score | None:
    """The sum with its band; None without a score, or while any item is unanswered: a gap is never a zero."""
    rule = definition.score
    if rule is None or set(answered) != set(definition.questions):
        return None
    points = sum(choice.points for choice in answered.values())
    return Score(points=points, highest=rule.most, band=rule.band(points))


def is_crisis(definition: Definition, answered: dict[str, Choice]) -> bool:
    """Any answer above none to the item that speaks of self-harm, whether or not the rest is answered."""
    item = definition.form.crisis_item
    return item is not None and item in answered and answered[item].points > 0


def _choice(definition: Definition, code: str, answer: str) -> Choice:
    question = definition.questions.get(code)
    if question is None:
        raise refused(f"answers.{code[:20]}", f"{definition.form.title} has no such question.")
    found = next((choice for choice in question.choices if choice.code == answer), None)
    if found is None:
        listed = ", ".join(f"{choice.code} ({choice.words})" for choice in question.choices)
        raise refused(f"answers.{code}", f"The answer is one of: {listed}.")
    return found


def _definition(entry: dict[str, Any], choices: dict[str, list[Choice]]) -> Definition:
    scored = entry.get("score")
    rule = (
        ScoreRule(
            code=LOINC.checked(scored["code"]),
            name=scored["name"],
            most=scored["most"],
            bands=tuple((least, words) for least, words in entry["bands"]),
            coded=tuple((code, words, least) for code, words, least in scored.get("coded", ())),
        )
        if scored
        else None
    )
    form = QuestionnaireForm(
        questionnaire_id=entry["id"],
        title=entry["title"],
        code=LOINC.checked(entry["code"]),
        lead=entry["lead"],
        questions=[
            Question(code=LOINC.checked(code), words=words, choices=choices[answers])
            for code, words, answers in entry["items"]
        ],
        highest_score=rule.most if rule else None,
        crisis_item=entry.get("crisis_item"),
    )
    return Definition(form, rule, Skip(**entry["skip"]) if "skip" in entry else None)
