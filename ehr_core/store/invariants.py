"""FHIR's own rules between elements, and the codes that a required binding allows: a table of facts, read by type.

A rule reads a decoded struct (validation.py, fast) or the JSON object (explain.py, for the words).
Source: HL7 FHIR R4 (4.0.1), the constraints of severity 'error' and the required bindings; keys are FHIR's.
Left out on purpose, because senders break them without harm and every reader here copes: qty-3, age-1, cnt-3, dis-1 and
drt-1 (a unit without its code or system), app-2 and app-3 (a visit without an end), ppc-1 (a consent without its
policy), ait-1, dom-3. ref-1 and dom-2 to dom-5 are in validation.py, txt-1 in primitives.py.
"""

from __future__ import annotations

from typing import Any

from ehr_core.store.invariant_rules import (
    Invariant,
    at_most,
    binding,
    both_or_none,
    coded,
    either_or,
    excludes,
    has,
    in_order,
    needs,
    not_negative,
    of,
    one_of,
)
from ehr_core.store.invariants_of_forms import FORMS

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
NOTATION = f"{TERMINOLOGY}/measure-improvement-notation"
UCUM = "http://unitsofmeasure.org"


def _low_before_high(node: Any) -> bool:
    low, high = of(node, "low.value"), of(node, "high.value")
    return not low or not high or of(node, "low.code") != of(node, "high.code") or low[0] <= high[0]


def _unlike_its_components(node: Any) -> bool:
    if not has(node, "component") or not has(node, "value*"):
        return True
    own = set(zip(of(node, "code.coding.system"), of(node, "code.coding.code"), strict=False))
    inner = zip(
        of(node, "component.code.coding.system"), of(node, "component.code.coding.code"), strict=False
    )
    return not own & set(inner)


def _abated_is_over(node: Any) -> bool:
    status = coded(node, "clinicalStatus")
    return not status or not has(node, "abatement*") or bool(status & {"inactive", "resolved", "remission"})


def _no_status_in_error(node: Any) -> bool:
    return not has(node, "clinicalStatus") or "entered-in-error" not in coded(node, "verificationStatus")


def _when_offset(node: Any) -> bool:
    return not has(node, "offset") or not set(of(node, "when")) & {"C", "CM", "CD", "CV"}


def _called_off(node: Any) -> bool:
    return not has(node, "cancelationReason") or bool(set(of(node, "status")) & {"cancelled", "noshow"})


def _in_percent(node: Any) -> bool:
    ends = [end for name in ("low", "high") for end in of(node, f"probabilityRange.{name}")]
    return all(of(end, "code") == ["%"] and of(end, "system") == [UCUM] for end in ends)


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

INVARIANTS: dict[str, tuple[Invariant, ...]] = FORMS | {
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
            lambda node: not has(node, "member") or of(node, "actual") == [True],
        ),
    ),
    "ImmunizationEducation": (
        Invariant("imm-1", "", "needs a documentType or a reference", one_of("documentType", "reference")),
    ),
    "List": (
        Invariant("lst-1", "emptyReason", "does not go with entries", excludes("emptyReason", "entry")),
        Invariant("lst-2", "entry.deleted", "goes with the mode changes only",
                  lambda node: of(node, "mode") == ["changes"] or not has(node, "entry.deleted")),
        Invariant("lst-3", "entry.date", "goes with the mode working only",
                  lambda node: of(node, "mode") == ["working"] or not has(node, "entry.date")),
    ),
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
    "QuestionnaireResponseItem": (
        Invariant("qrs-1", "item", "stands inside the answer where there is one", excludes("answer", "item")),
    ),
    "ServiceRequest": (Invariant("prr-1", "code", "is required beside orderDetail", needs("orderDetail", "code")),),
    "Task": (
        Invariant("inv-1", "lastModified", "must not be before authoredOn", in_order("authoredOn", "lastModified")),
    ),
    "RiskAssessmentPrediction": (
        Invariant("ras-2", "probabilityDecimal", "must not be above 100", at_most("probabilityDecimal", 100)),
        Invariant("ras-1", "probabilityRange", "must be in percent (%, UCUM)", _in_percent),
    ),
    "ImmunizationRecommendationRecommendation": (
        Invariant("imr-1", "", "needs a vaccineCode or a targetDisease", one_of("vaccineCode", "targetDisease")),
    ),
    "RequestGroupAction": (
        Invariant("rqg-1", "", "has a resource or actions, and not both", either_or("resource", "action")),
    ),
    "CoverageEligibilityResponseInsuranceItem": (
        Invariant("ces-1", "", "has a category or a productOrService, and not both",
                  either_or("category", "productOrService")),
    ),
    "SupplyDelivery": (
        Invariant("binding", "type", NOT_A_CODE,
                  binding("type", f"{TERMINOLOGY}/supply-item-type", "medication", "device")),
    ),
    "MeasureReport": (
        Invariant("mrp-1", "group", "does not go with the type data-collection",
                  lambda node: of(node, "type") != ["data-collection"] or not has(node, "group")),
        Invariant("binding", "improvementNotation", NOT_A_CODE,
                  binding("improvementNotation", NOTATION, "increase", "decrease")),
    ),
    "MeasureReportGroupStratifierStratum": (
        Invariant("mrp-2", "", "has a value or components, and not both", either_or("value", "component")),
    ),
    "Expression": (
        Invariant("exp-1", "", "needs an expression or a reference", one_of("expression", "reference")),
    ),
}  # fmt: skip
