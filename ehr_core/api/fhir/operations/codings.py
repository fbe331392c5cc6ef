"""The codes that a terminology operation is asked about: a code, a Coding, or all of a CodeableConcept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ehr_core.api.fhir.operations.given import Given
from ehr_core.api.fhir.operations.guide_codes import Told
from ehr_core.kernel.errors import BadRequest, NotFound

Coded = tuple[str, str, str | None]
"""(system or '', code, display)"""
WAYS = ("code", "coding", "codeableConcept")


def codings_of(given: Given) -> list[Coded]:
    """One for a code or a Coding; as many as a concept has. Raises BadRequest unless it is asked in one way."""
    ways = [name for name in WAYS if given.value(name) is not None]
    if len(ways) > 1:
        raise BadRequest(f"Send one of {', '.join(WAYS)}; '{ways[0]}' and '{ways[1]}' do not go together.")
    if ways in ([], ["code"]):
        return [(given.text("system") or "", given.required("code"), given.text("display"))]
    coded = given.value(ways[0])
    if not isinstance(coded, dict):
        raise BadRequest(f"The parameter '{ways[0]}' is sent in Parameters, with its own type.")
    return [_coded(each) for each in (coded.get("coding", ()) if ways == ["codeableConcept"] else [coded])]


def any_of(codings: Sequence[Coded], judge: Callable[[str, str, str | None], Told]) -> Told:
    """The answer of the first code that is in; of one alone its own, and otherwise that none is."""
    if len(codings) == 1:
        return judge(*codings[0])
    for coding in codings:
        try:
            told = judge(*coding)
        except NotFound:
            continue
        if told["result"]:
            return told
    return {"result": False, "message": "None of the concept's codes is in it, as far as can be told here."}


def _coded(coding: dict[str, Any]) -> Coded:
    return coding.get("system", ""), coding.get("code", ""), coding.get("display")
