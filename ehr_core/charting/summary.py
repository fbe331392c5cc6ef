"""Problems, medications, visits and vaccinations as lines of the summary. Pure: resources in, lines out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from data_contracts.api.chart import EncounterLine, Medication, Problem
from ehr_core.charting.moments import sort_moment
from ehr_core.display import show_date, show_dose
from ehr_core.kernel.fhir_json import codes, reference_id, words

Resource = dict[str, Any]

OVER = frozenset({"inactive", "remission", "resolved"})
NOT_TRUE = frozenset({"entered-in-error", "refuted"})
CURRENT_PRESCRIPTIONS = frozenset({"active", "on-hold"})
CURRENT_STATEMENTS = frozenset({"active", "intended", "on-hold", "unknown"})
NEWEST_ENCOUNTERS = 10

ENCOUNTER_KINDS = {
    "AMB": "Office visit",
    "EMER": "Emergency visit",
    "HH": "Home visit",
    "IMP": "Hospital stay",
    "ACUTE": "Hospital stay",
    "NONAC": "Hospital stay",
    "OBSENC": "Observation stay",
    "SS": "Short stay",
    "VR": "Virtual visit",
}


def active_problems(conditions: Iterable[Resource]) -> list[Problem]:
    """Conditions that are neither over, refuted nor retracted, newest onset first.

    A missing clinical status counts as active: the safe reading. A diagnosis of several visits, or of a visit and the
    problem list, is one problem: the problem list's entry stands for it.
    """
    current = list(filter(is_current, conditions))
    current.sort(key=_from_visit)
    once: dict[str, Problem] = {}
    for condition in current:
        once.setdefault(_line_key(condition), _problem(condition))
    return sorted(once.values(), key=lambda line: sort_moment(line.onset), reverse=True)


def is_current(condition: Resource) -> bool:
    """Neither over, refuted nor retracted."""
    return not (
        codes(condition.get("clinicalStatus")) & OVER or codes(condition.get("verificationStatus")) & NOT_TRUE
    )


def same_problem(one: Resource, other: Resource) -> bool:
    """What the list shows as one line: the same code, or without one the same words."""
    return _line_key(one) == _line_key(other)


def _line_key(condition: Resource) -> str:
    return _first_code(condition.get("code")) or (words(condition.get("code")) or "not named").lower()


def _from_visit(condition: Resource) -> bool:
    return any("encounter-diagnosis" in codes(concept) for concept in condition.get("category") or ())


def _problem(condition: Resource) -> Problem:
    return Problem(
        condition_id=condition["id"],
        version_id=int((condition.get("meta") or {}).get("versionId") or 0),
        name=words(condition.get("code")) or "not named",
        code=_first_code(condition.get("code")),
        onset=_onset(condition),
        status=next(iter(codes(condition.get("clinicalStatus"))), "not recorded"),
    )


def _onset(condition: Resource) -> str | None:
    period = condition.get("onsetPeriod") or {}
    return condition.get("onsetDateTime") or period.get("start")


def _first_code(concept: Resource | None) -> str | None:
    return next((coding.get("code") for coding in (concept or {}).get("coding") or ()), None)


def current_medications(
    requests: Iterable[Resource], statements: Iterable[Resource] = (), names: Mapping[str, str] | None = None
) -> list[Medication]:
    """Prescriptions in force and what is reported to be taken, by name; each with its status, because one that is
    held is on the list and not taken. `names` gives the names of Medication resources that are referred to.

    A prescription and a report of the same drug are two lines: they may disagree, and then both matter.
    """
    lines = [
        Medication(
            medication_id=request["id"],
            kind="prescribed",
            name=_medication_name(request, names or {}),
            dose=_dose(request.get("dosageInstruction") or []),
            status=request["status"],
            since=request.get("authoredOn"),
        )
        for request in requests
        if request.get("status") in CURRENT_PRESCRIPTIONS and not request.get("doNotPerform")
    ]
    lines += [
        Medication(
            medication_id=statement["id"],
            kind="reported",
            name=_medication_name(statement, names or {}),
            dose=_dose(statement.get("dosage") or []),
            status=statement["status"],
            since=statement.get("effectiveDateTime") or (statement.get("effectivePeriod") or {}).get("start"),
        )
        for statement in statements
        if statement.get("status") in CURRENT_STATEMENTS
    ]
    return sorted(lines, key=lambda line: line.name.lower())


def _medication_name(request: Resource, names: Mapping[str, str]) -> str:
    reference = request.get("medicationReference")
    referred = names.get(reference_id(reference, "Medication") or "")
    said = words(request.get("medicationCodeableConcept")) or referred or (reference or {}).get("display")
    return said or "medication not named"


def _dose(instructions: list[Resource]) -> str | None:
    """The dosage text as written; else the dose quantities; None when neither is recorded."""
    written = [instruction["text"] for instruction in instructions if instruction.get("text")]
    if written:
        return "; ".join(written)
    amounts = [
        dose["doseQuantity"]
        for instruction in instructions
        for dose in instruction.get("doseAndRate") or ()
        if "value" in dose.get("doseQuantity", {})
    ]
    shown = [show_dose(str(item["value"]), item.get("code") or item.get("unit")) for item in amounts]
    return "; ".join(shown) or None


def newest_encounters(encounters: Iterable[Resource]) -> list[EncounterLine]:
    """The ten newest visits and stays that took place or are under way."""
    took_place = (item for item in encounters if item.get("status") not in ("entered-in-error", "cancelled"))
    newest = sorted(took_place, key=lambda item: sort_moment(_start(item)), reverse=True)[:NEWEST_ENCOUNTERS]
    return [
        EncounterLine(
            encounter_id=item["id"],
            on=_start(item),
            kind=_kind(item),
            reason=_first_words(item.get("reasonCode")),
            with_whom=_with_whom(item),
        )
        for item in newest
    ]


def _start(encounter: Resource) -> str | None:
    return (encounter.get("period") or {}).get("start")


def _kind(encounter: Resource) -> str:
    said = _first_words(encounter.get("type"))
    encounter_class = (encounter.get("class") or {}).get("code", "")
    return said or ENCOUNTER_KINDS.get(encounter_class, "Encounter")


def _with_whom(encounter: Resource) -> str | None:
    people = (part.get("individual") or {} for part in encounter.get("participant") or ())
    return next((person["display"] for person in people if person.get("display")), None)


def _first_words(concepts: Iterable[Resource] | None) -> str | None:
    return next(filter(None, map(words, concepts or ())), None)


def immunization_lines(immunizations: Iterable[Resource]) -> list[str]:
    """'Influenza, 12-Oct-2026' for each vaccination that was given, newest first."""
    given = [item for item in immunizations if item.get("status") == "completed"]
    given.sort(key=lambda item: sort_moment(item.get("occurrenceDateTime")), reverse=True)
    return [
        f"{words(item.get('vaccineCode')) or 'vaccine not named'}, "
        f"{item.get('occurrenceString') or show_date(item.get('occurrenceDateTime'))}"
        for item in given
    ]
