"""What FHIR says about the elements of a type: cardinality, type, choice, required codes. Read from fhir.resources.

fhir.resources describes R4B. The types we store are the same in R4 (4.0.1) but for three references; the two data
types that only R4B has are left out. A list of codes that the models abbreviate ("registered, preliminary, final,
amended, +") is completed here from the R4 value sets.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, field
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin

from fhir.resources.R4B import get_fhir_model_class
from fhir_core.types import FhirBase

ONLY_R4B = frozenset({"CodeableReference", "RatioRange"})
ANY_RESOURCE = "Resource"

OBSERVATION_STATUS = (
    "registered",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "cancelled",
    "entered-in-error",
    "unknown",
)
QUANTITIES = ("Quantity", "Age", "Count", "Distance", "Duration")
COMPLETED_CODES = {
    **{(quantity, "comparator"): ("<", "<=", ">=", ">") for quantity in QUANTITIES},
    ("Observation", "status"): OBSERVATION_STATUS,
    ("RiskAssessment", "status"): OBSERVATION_STATUS,
    ("DetectedIssue", "status"): OBSERVATION_STATUS,
    ("DiagnosticReport", "status"): (*OBSERVATION_STATUS, "partial", "appended"),
    ("Encounter", "status"): (
        *("planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled"),
        *("entered-in-error", "unknown"),
    ),
    ("EncounterStatusHistory", "status"): (
        *("planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled"),
        *("entered-in-error", "unknown"),
    ),
    ("TimingRepeat", "when"): (
        *("MORN", "MORN.early", "MORN.late", "NOON", "AFT", "AFT.early", "AFT.late", "EVE", "EVE.early"),
        *("EVE.late", "NIGHT", "PHS", "HS", "WAKE", "C", "CM", "CD", "CV"),
        *("AC", "ACM", "ACD", "ACV", "PC", "PCM", "PCD", "PCV"),
    ),
    ("DeviceUdiCarrier", "entryType"): ("barcode", "rfid", "manual", "card", "self-reported", "unknown"),
    ("CarePlanActivityDetail", "kind"): (
        *(
            "Appointment",
            "CommunicationRequest",
            "DeviceRequest",
            "MedicationRequest",
            "NutritionOrder",
            "Task",
        ),
        *("ServiceRequest", "VisionPrescription"),
    ),
    ("QuestionnaireItemEnableWhen", "operator"): ("exists", "=", "!=", ">", "<", ">=", "<="),
    ("QuestionnaireItem", "type"): (
        *("group", "display", "boolean", "decimal", "integer", "date", "dateTime", "time", "string", "text"),
        *("url", "choice", "open-choice", "attachment", "reference", "quantity"),
    ),
    ("Task", "status"): (
        *("draft", "requested", "received", "accepted", "rejected", "ready", "cancelled", "in-progress"),
        *("on-hold", "failed", "completed", "entered-in-error"),
    ),
}
R4_TARGETS = {
    ("Observation", "subject"): ("Patient", "Group", "Device", "Location"),
    ("DiagnosticReport", "subject"): ("Patient", "Group", "Device", "Location"),
    ("GroupMember", "entity"): (
        *("Patient", "Practitioner", "PractitionerRole", "Device", "Medication", "Substance", "Group"),
    ),
}
"""What references may be to in R4, where R4B lets in more."""
CODE = re.compile(r"[a-z][A-Za-z0-9-]*")


def field_name(element_name: str) -> str:
    """The element's name as an attribute: with '_' after a Python keyword."""
    return f"{element_name}_" if keyword.iskeyword(element_name) else element_name


@dataclass(frozen=True)
class Element:
    """One element. `targets` are the types that a reference may be to; `in_summary` says that `_summary` keeps it."""

    name: str
    type: str
    primitive: bool
    many: bool
    required: bool
    choice: str | None
    codes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    in_summary: bool = False


@dataclass(frozen=True)
class Definition:
    """A data type, backbone element or resource. `choices` maps value[x] groups to their element names."""

    name: str
    is_resource: bool
    elements: dict[str, Element]
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    required_choices: frozenset[str] = frozenset()


@cache
def definition(name: str) -> Definition:
    """The definition of a type by its name, such as 'Observation', 'ObservationComponent' or 'Quantity'."""
    model = get_fhir_model_class(name)
    elements: dict[str, Element] = {}
    choices: dict[str, list[str]] = {}
    required_choices = set()
    for model_field in model.model_fields.values():
        element = _element(name, model_field)
        if element is None:
            continue
        elements[element.name] = element
        if element.choice:
            choices.setdefault(element.choice, []).append(element.name)
            if model_field.json_schema_extra.get("one_of_many_required"):
                required_choices.add(element.choice)
    return Definition(
        name=name,
        is_resource="meta" in elements,
        elements=elements,
        choices={group: tuple(names) for group, names in choices.items()},
        required_choices=frozenset(required_choices),
    )


def is_resource(name: str) -> bool:
    """True for the name of any FHIR resource type, kept here or not."""
    try:
        return definition(name).is_resource
    except ValueError:
        return False


def _element(owner: str, model_field: Any) -> Element | None:
    """None for what is no element of its own: `fhir_comments` and the `_` siblings of primitives."""
    name = model_field.alias
    if name.startswith("_") or name == "fhir_comments":
        return None
    extra = model_field.json_schema_extra or {}
    type_name, primitive, many = _type_of(model_field.annotation, model_field.metadata)
    if type_name in ONLY_R4B:
        return None
    return Element(
        name=name,
        type=type_name,
        primitive=primitive,
        many=many,
        required=model_field.is_required() or bool(extra.get("element_required")),
        choice=extra.get("one_of_many"),
        codes=_codes(owner, name, type_name, extra.get("enum_values") or ()),
        targets=R4_TARGETS.get((owner, name)) or tuple(extra.get("enum_reference_types") or ()),
        in_summary=bool(extra.get("summary_element_property")),
    )


def _codes(owner: str, name: str, type_name: str, listed: list[str]) -> tuple[str, ...]:
    completed = COMPLETED_CODES.get((owner, name))
    if completed:
        return completed
    closed = type_name == "code" and all(CODE.fullmatch(value) for value in listed)
    return tuple(listed) if closed else ()


def _type_of(annotation: Any, metadata: list[Any] = ()) -> tuple[str, bool, bool]:
    """(type name, is primitive, repeats) of a model field's annotation."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        inner = next(part for part in get_args(annotation) if part is not type(None))
        return _type_of(inner)
    if origin is list:
        type_name, primitive, _ = _type_of(get_args(annotation)[0])
        return type_name, primitive, True
    if isinstance(annotation, type) and issubclass(annotation, FhirBase):
        return annotation.__name__.removesuffix("Type"), False, False
    marks = metadata or getattr(annotation, "__metadata__", ())
    if marks:
        mark = marks[-1] if isinstance(marks[-1], type) else type(marks[-1])
        name = mark.__name__.removesuffix("Version")  # UuidVersion
        return name[0].lower() + name[1:], True, False
    if annotation is bool:
        return "boolean", True, False
    raise TypeError(f"a FHIR model field has a type that is not understood: {annotation!r}")
