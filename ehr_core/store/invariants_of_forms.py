"""FHIR's rules of a Questionnaire and its items: which kind of question may have what.

Source: HL7 FHIR R4 (4.0.1), the constraints of severity 'error' of Questionnaire; keys are FHIR's.
"""

from __future__ import annotations

from typing import Any

from ehr_core.store.invariant_rules import Invariant, Rule, excludes, has, of

LISTED = ("choice", "open-choice", "decimal", "integer", "date", "dateTime", "time", "string")
WRITTEN = ("boolean", "decimal", "integer", "string", "text", "url", "open-choice")
MOST_UNSAID = 2
"""Conditions; with more of them it has to be said whether one or all count."""


def _links_once(node: Any) -> bool:
    found: list[str] = []
    waiting = of(node, "item")
    while waiting:
        item = waiting.pop()
        found += of(item, "linkId")
        waiting += of(item, "item")
    return len(found) == len(set(found))


def _display_asks_nothing(node: Any) -> bool:
    return of(node, "type") != ["display"] or not has(node, "code", "required", "repeats", "item")


def _is(*types: str) -> Rule:
    return lambda node: bool(set(of(node, "type")) & set(types))


def _only(types: tuple[str, ...], *names: str) -> Rule:
    """Items of these types alone may have one of these."""
    return lambda node: _is(*types)(node) or not has(node, *names)


def _not_of(types: tuple[str, ...], *names: str) -> Rule:
    return lambda node: not _is(*types)(node) or not has(node, *names)


FORMS: dict[str, tuple[Invariant, ...]] = {
    "Questionnaire": (Invariant("que-2", "item", "uses a linkId twice", _links_once),),
    "QuestionnaireItem": (
        Invariant("que-3", "", "of type display asks nothing: no code, no items", _display_asks_nothing),
        Invariant("que-1", "item", "is required in a group", lambda node: not _is("group")(node) or has(node, "item")),
        Invariant("que-4", "answerOption", "does not go with answerValueSet",
                  excludes("answerOption", "answerValueSet")),
        Invariant("que-5", "type", "has no list of answers", _only(LISTED, "answerOption", "answerValueSet")),
        Invariant("que-8", "initial", "goes with no group or display", _not_of(("group", "display"), "initial")),
        Invariant("que-9", "readOnly", "goes with no display", _not_of(("display",), "readOnly")),
        Invariant("que-10", "maxLength", "goes with what is written only", _only(WRITTEN, "maxLength")),
        Invariant("que-11", "initial", "does not go with answerOption", excludes("answerOption", "initial")),
        Invariant("que-12", "enableBehavior", "is required beside several conditions",
                  lambda node: len(of(node, "enableWhen")) <= MOST_UNSAID or has(node, "enableBehavior")),
        Invariant("que-13", "initial", "stands once where nothing repeats",
                  lambda node: of(node, "repeats") == [True] or len(of(node, "initial")) <= 1),
    ),
    "QuestionnaireItemEnableWhen": (
        Invariant("que-7", "answer[x]", "is true or false beside 'exists'",
                  lambda node: of(node, "operator") != ["exists"] or has(node, "answerBoolean")),
    ),
}  # fmt: skip
