"""FHIR's own rules between elements, and the codes that a required binding allows: a table of facts, read by type.

A rule reads a decoded struct (validation.py, fast) or the JSON object (explain.py, for the words): both through `of`.
Source: HL7 FHIR R4 (4.0.1), the constraints of severity 'error' and the required bindings; keys are FHIR's.
Left out on purpose, because senders break them without harm and every reader here copes: qty-3 (a unit's code without
its system), app-2 and app-3 (a visit without an end), ppc-1 (a consent without its policy), ait-1, dom-3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, Struct

from ehr_core.kernel.fhir_definitions import field_name
from ehr_core.store.dates import bounds

Rule = Callable[[Any], bool]
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"


@dataclass(frozen=True)
class Invariant:
    """What must hold for every element of a type; `element` is where it is told, '' for the whole."""

    key: str
    element: str
    sentence: str
    holds: Rule


def of(node: Any, path: str) -> list[Any]:
    """What stands at a dotted path of a struct or a JSON object, lists flattened."""
    found = [node]
    for name in path.split("."):
        inner: list[Any] = []
        for each in found:
            if isinstance(each, Struct):
                value = getattr(each, field_name(name), UNSET)
            else:
                value = each.get(name, UNSET)
            if value is not UNSET and value is not None:
                inner += value if isinstance(value, list) else [value]
        if not inner:
            return inner
        found = inner
    return found


def _has(node: Any, *names: str) -> bool:
    """Any of these elements; 'value*' is the choice value[x]."""
    return any(_chosen(node, name[:-1]) if name.endswith("*") else of(node, name) for name in names)


def _chosen(node: Any, stem: str) -> bool:
    names = node.__struct_fields__ if isinstance(node, Struct) else node
    return any(
        name.startswith(stem) and name[len(stem) :][:1].isupper() and of(node, name.rstrip("_"))
        for name in names
    )


def needs(given: str, *others: str) -> Rule:
    """Who has the first has one of the others."""
    return lambda node: not _has(node, given) or _has(node, *others)


def excludes(given: str, *others: str) -> Rule:
    return lambda node: not (_has(node, given) and _has(node, *others))


def one_of(*names: str) -> Rule:
    return lambda node: _has(node, *names)


def both_or_none(first: str, second: str) -> Rule:
    return lambda node: _has(node, first) == _has(node, second)


def in_order(first: str, second: str) -> Rule:
    """The first date is not after the second; dates of different precision may overlap."""

    def holds(node: Any) -> bool:
        low, high = of(node, first), of(node, second)
        return not low or not high or bounds(low[0], "UTC")[0] <= bounds(high[0], "UTC")[1]

    return holds


def not_negative(name: str) -> Rule:
    return lambda node: all(value >= 0 for value in of(node, name))


def _coded(node: Any, path: str) -> set[str]:
    return set(of(node, f"{path}.coding.code"))


def binding(path: str, system: str, *codes: str) -> Rule:
    """Every coding of that system, or of none, is one of the list. Another system's code may stand beside it."""
    allowed = frozenset(codes)

    def holds(node: Any) -> bool:
        return all(
            code in allowed
            for coding in of(node, f"{path}.coding")
            if (of(coding, "system") or [system])[0] == system
            for code in of(coding, "code")
        )

    return holds


def _low_before_high(node: Any) -> bool:
    low, high = of(node, "low.value"), of(node, "high.value")
    return not low or not high or of(node, "low.code") != of(node, "high.code") or low[0] <= high[0]


def _unlike_its_components(node: Any) -> bool:
    if not _has(node, "component") or not _has(node, "value*"):
        return True
    own = set(zip(of(node, "code.coding.system"), of(node, "code.coding.code"), strict=False))
    inner = zip(
        of(node, "component.code.coding.system"), of(node, "component.code.coding.code"), strict=False
    )
    return not own & set(inner)


def _abated_is_over(node: Any) -> bool:
    status = _coded(node, "clinicalStatus")
    return not status or not _has(node, "abatement*") or bool(status & {"inactive", "resolved", "remission"})


def _no_status_in_error(node: Any) -> bool:
    return not _has(node, "clinicalStatus") or "entered-in-error" not in _coded(node, "verificationStatus")


def _when_offset(node: Any) -> bool:
    return not _has(node, "offset") or not set(of(node, "when")) & {"C", "CM", "CD", "CV"}


def _called_off(node: Any) -> bool:
    return not _has(node, "cancelationReason") or bool(set(of(node, "status")) & {"cancelled", "noshow"})


def _links_once(node: Any) -> bool:
    found: list[str] = []
    waiting = of(node, "item")
    while waiting:
        item = waiting.pop()
        found += of(item, "linkId")
        waiting += of(item, "item")
    return len(found) == len(set(found))


def _display_asks_nothing(node: Any) -> bool:
    return of(node, "type") != ["display"] or not _has(node, "code", "required", "repeats", "item")


CLINICAL = (
    f"{TERMINOLOGY}/condition-clinical",
    "active",
    "recurrence",
    "relapse",
    "inactive",
    "remission",
    "resolved",
)
VERIFIED = (
    f"{TERMINOLOGY}/condition-ver-status",
    *("unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"),
)
ALLERGY_CLINICAL = (f"{TERMINOLOGY}/allergyintolerance-clinical", "active", "inactive", "resolved")
ALLERGY_VERIFIED = (
    f"{TERMINOLOGY}/allergyintolerance-verification",
    *("unconfirmed", "confirmed", "refuted", "entered-in-error", "presumed"),
)
NOT_A_CODE = "has a code that its required list does not have"

INVARIANTS: dict[str, tuple[Invariant, ...]] = {
    "Period": (Invariant("per-1", "end", "must not be before the start", in_order("start", "end")),),
    "ContactPoint": (Invariant("cpt-2", "system", "is required beside a value", needs("value", "system")),),
    "Attachment": (Invariant("att-1", "contentType", "is required beside data", needs("data", "contentType")),),
    "Range": (Invariant("rng-2", "low", "must not be above the high value", _low_before_high),),
    "Ratio": (
        Invariant(
            "rat-1", "", "has a numerator and a denominator or neither", both_or_none("numerator", "denominator")
        ),
    ),
    "TimingRepeat": (
        Invariant("tim-1", "durationUnit", "is required beside a duration", needs("duration", "durationUnit")),
        Invariant("tim-2", "periodUnit", "is required beside a period", needs("period", "periodUnit")),
        Invariant("tim-4", "duration", "must not be negative", not_negative("duration")),
        Invariant("tim-5", "period", "must not be negative", not_negative("period")),
        Invariant("tim-6", "period", "is required beside periodMax", needs("periodMax", "period")),
        Invariant("tim-7", "duration", "is required beside durationMax", needs("durationMax", "duration")),
        Invariant("tim-8", "count", "is required beside countMax", needs("countMax", "count")),
        Invariant("tim-9", "offset", "goes with no meal that has no time before or after", _when_offset),
        Invariant("tim-10", "when", "does not go with timeOfDay", excludes("timeOfDay", "when")),
    ),
    "AllergyIntolerance": (
        Invariant("ait-2", "clinicalStatus", "must not stand beside entered-in-error", _no_status_in_error),
        Invariant("binding", "clinicalStatus", NOT_A_CODE, binding("clinicalStatus", *ALLERGY_CLINICAL)),
        Invariant("binding", "verificationStatus", NOT_A_CODE, binding("verificationStatus", *ALLERGY_VERIFIED)),
    ),
    "Appointment": (
        Invariant("app-4", "cancelationReason", "needs the status cancelled or noshow", _called_off),
    ),
    "AppointmentParticipant": (
        Invariant("app-1", "", "must say who, or in which part", one_of("type", "actor")),
    ),
    "AppointmentResponse": (
        Invariant("apr-1", "", "must say who, or in which part", one_of("participantType", "actor")),
    ),
    "CarePlanActivity": (
        Invariant("cpl-3", "detail", "does not go with a reference", excludes("detail", "reference")),
    ),
    "Condition": (
        Invariant("con-4", "abatement[x]", "needs a clinicalStatus that says it is over", _abated_is_over),
        Invariant("con-5", "clinicalStatus", "must not stand beside entered-in-error", _no_status_in_error),
        Invariant("binding", "clinicalStatus", NOT_A_CODE, binding("clinicalStatus", *CLINICAL)),
        Invariant("binding", "verificationStatus", NOT_A_CODE, binding("verificationStatus", *VERIFIED)),
    ),
    "ConditionStage": (Invariant("con-1", "", "needs a summary or an assessment", one_of("summary", "assessment")),),
    "ConditionEvidence": (Invariant("con-2", "", "needs a code or a detail", one_of("code", "detail")),),
    "FamilyMemberHistory": (
        Invariant("fhs-1", "age[x]", "does not go with born[x]", excludes("age*", "born*")),
        Invariant("fhs-2", "estimatedAge", "needs an age", needs("estimatedAge", "age*")),
    ),
    "GoalTarget": (Invariant("gol-1", "measure", "is required beside a detail", needs("detail*", "measure")),),
    "Group": (
        Invariant(
            "grp-1",
            "member",
            "belongs to an actual group only",
            lambda node: not _has(node, "member") or of(node, "actual") == [True],
        ),
    ),
    "ImmunizationEducation": (
        Invariant("imm-1", "", "needs a documentType or a reference", one_of("documentType", "reference")),
    ),
    "List": (Invariant("lst-1", "emptyReason", "does not go with entries", excludes("emptyReason", "entry")),),
    "MedicationAdministrationDosage": (
        Invariant("mad-1", "", "needs a dose or a rate", one_of("dose", "rate*")),
    ),
    "MedicationDispense": (
        Invariant(
            "mdd-1", "whenHandedOver", "must not be before whenPrepared", in_order("whenPrepared", "whenHandedOver")
        ),
    ),
    "Observation": (
        Invariant("obs-6", "dataAbsentReason", "does not go with a value", excludes("dataAbsentReason", "value*")),
        Invariant("obs-7", "value[x]", "belongs to the component with the same code", _unlike_its_components),
    ),
    "ObservationReferenceRange": (
        Invariant("obs-3", "", "needs low, high or text", one_of("low", "high", "text")),
    ),
    "Organization": (
        Invariant("org-1", "", "needs a name or an identifier", one_of("name", "identifier")),
        Invariant("org-2", "address", "is nobody's home", lambda node: "home" not in of(node, "address.use")),
        Invariant("org-3", "telecom", "is nobody's home", lambda node: "home" not in of(node, "telecom.use")),
    ),
    "PatientContact": (
        Invariant("pat-1", "", "needs a name, telecom, address or organization",
                  one_of("name", "telecom", "address", "organization")),
    ),
    "Questionnaire": (Invariant("que-2", "item", "uses a linkId twice", _links_once),),
    "QuestionnaireItem": (
        Invariant("que-3", "", "of type display asks nothing: no code, no items", _display_asks_nothing),
    ),
    "QuestionnaireResponseItem": (
        Invariant("qrs-1", "item", "stands inside the answer where there is one", excludes("answer", "item")),
    ),
    "ServiceRequest": (Invariant("prr-1", "code", "is required beside orderDetail", needs("orderDetail", "code")),),
    "Task": (
        Invariant("inv-1", "lastModified", "must not be before authoredOn", in_order("authoredOn", "lastModified")),
    ),
}  # fmt: skip
