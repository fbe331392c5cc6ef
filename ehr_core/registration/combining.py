"""Two Patients into one: which demographic facts survive a merge, by a person's choice. Pure.

Nothing is lost: what is not chosen stays on the merged record and in history, and a name or number by which somebody
may be looked for stays on the surviving one, marked old.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from data_contracts.api.merging import Choice, MergeField
from ehr_core.display import show_date, show_phone
from ehr_core.kernel.fhir_json import without_empty, words
from ehr_core.registration.reading import (
    BIRTH_SEX_URL,
    GENDER_IDENTITY_URLS,
    INTERPRETER_URL,
    MRN_SYSTEM,
    PRONOUNS_URL,
    preferred_language,
    read_person,
)

Resource = dict[str, Any]

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
RACE_URL, ETHNICITY_URL = f"{US_CORE}/us-core-race", f"{US_CORE}/us-core-ethnicity"
SEX_URL = f"{US_CORE}/us-core-sex"


@dataclass(frozen=True)
class Part:
    """One fact to choose: the elements and extensions that hold it, and its words."""

    key: str
    label: str
    elements: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    show: Callable[[Resource], str | None] = lambda patient: None
    several: bool = False


def _names(patient: Resource) -> str | None:
    listed = []
    for name in patient.get("name") or ():
        given = " ".join(name.get("given") or ())
        text = name.get("text") or ", ".join(filter(None, (name.get("family"), given)))
        suffix = " ".join(name.get("suffix") or ())
        listed.append(" ".join(filter(None, (text, suffix, f"({name['use']})" if name.get("use") else ""))))
    return "; ".join(listed) or None


def _telecom(*systems: str) -> Callable[[Resource], str | None]:
    def show(patient: Resource) -> str | None:
        listed = [item for item in patient.get("telecom") or () if item.get("system") in systems]
        return "; ".join(show_phone(item.get("value")) for item in listed) or None

    return show


def _addresses(patient: Resource) -> str | None:
    lines = [
        ", ".join(
            [
                *(item.get("line") or ()),
                *filter(None, (item.get("city"), item.get("state"), item.get("postalCode"))),
            ]
        )
        for item in patient.get("address") or ()
    ]
    return "; ".join(filter(None, lines)) or None


def _contacts(patient: Resource) -> str | None:
    names = []
    for contact in patient.get("contact") or ():
        name = contact.get("name") or {}
        who = name.get("text") or " ".join([*(name.get("given") or ()), name.get("family") or ""]).strip()
        relation = next(filter(None, map(words, contact.get("relationship") or ())), None)
        names.append(f"{who or 'without a name'}{f' ({relation})' if relation else ''}")
    return "; ".join(names) or None


def _text_of(url: str) -> Callable[[Resource], str | None]:
    """The words of a race or ethnicity."""

    def show(patient: Resource) -> str | None:
        for extension in patient.get("extension") or ():
            if extension.get("url") == url:
                inner = extension.get("extension") or ()
                return next((item["valueString"] for item in inner if item.get("url") == "text"), None)
        return None

    return show


def _of_person(name: str) -> Callable[[Resource], str | None]:
    return lambda patient: getattr(read_person({"id": "", **patient}, date.max), name)


def _interpreter(patient: Resource) -> str | None:
    required = read_person({"id": "", **patient}, date.max).interpreter_required
    return None if required is None else ("needed" if required else "not needed")


def _deceased(patient: Resource) -> str | None:
    person = read_person({"id": "", **patient}, date.max)
    if not person.deceased:
        return "no" if patient.get("deceasedBoolean") is False else None
    return f"yes, {show_date(person.deceased_on)}" if person.deceased_on else "yes, date not recorded"


def _reference(element: str) -> Callable[[Resource], str | None]:
    def show(patient: Resource) -> str | None:
        value = patient.get(element)
        listed = value if isinstance(value, list) else [value] if value else []
        return "; ".join(item.get("display") or item.get("reference") or "" for item in listed) or None

    return show


PARTS: tuple[Part, ...] = (
    Part("name", "Names", ("name",), show=_names),
    Part(
        "birth_date",
        "Birth date",
        ("birthDate", "_birthDate"),
        show=lambda p: p.get("birthDate") and show_date(p["birthDate"]),
    ),
    Part("sex", "Sex", ("gender",), (SEX_URL,), show=lambda p: p.get("gender")),
    Part(
        "birth_sex", "Sex at birth", extensions=(BIRTH_SEX_URL,), show=lambda p: _value_code(p, BIRTH_SEX_URL)
    ),
    Part(
        "gender_identity",
        "Gender identity",
        extensions=GENDER_IDENTITY_URLS,
        show=_of_person("gender_identity"),
    ),
    Part("pronouns", "Pronouns", extensions=(PRONOUNS_URL,), show=_of_person("pronouns")),
    Part("race", "Race", extensions=(RACE_URL,), show=_text_of(RACE_URL)),
    Part("ethnicity", "Ethnicity", extensions=(ETHNICITY_URL,), show=_text_of(ETHNICITY_URL)),
    Part("language", "Language", ("communication",), show=lambda p: preferred_language(p)[0]),
    Part("interpreter", "Interpreter", extensions=(INTERPRETER_URL,), show=_interpreter),
    Part("phone", "Phone and e-mail", ("telecom",), show=_telecom("phone", "sms", "email"), several=True),
    Part("address", "Address", ("address",), show=_addresses, several=True),
    Part("contact", "Contacts", ("contact",), show=_contacts, several=True),
    Part(
        "clinician",
        "Clinician",
        ("generalPractitioner",),
        show=_reference("generalPractitioner"),
        several=True,
    ),
    Part("clinic", "Clinic", ("managingOrganization",), show=_reference("managingOrganization")),
    Part("deceased", "Deceased", ("deceasedBoolean", "deceasedDateTime"), show=_deceased),
    Part(
        "birth_order",
        "Multiple birth",
        ("multipleBirthBoolean", "multipleBirthInteger"),
        show=lambda p: str(p["multipleBirthInteger"]) if p.get("multipleBirthInteger") else None,
    ),
    Part("photo", "Photo", ("photo",), show=lambda p: "recorded" if p.get("photo") else None),
)
PART_KEYS = frozenset(part.key for part in PARTS)
ADMINISTRATIVE = frozenset(
    {"resourceType", "id", "meta", "text", "active", "link", "identifier", "extension", "contained"}
)
MANAGED_ELEMENTS = frozenset(element for part in PARTS for element in part.elements)
MANAGED_EXTENSIONS = frozenset(url for part in PARTS for url in part.extensions)


def _value_code(patient: Resource, url: str) -> str | None:
    found = (item.get("valueCode") for item in patient.get("extension") or () if item.get("url") == url)
    return next(found, None)


def compare_fields(survivor: Resource, other: Resource) -> list[MergeField]:
    """Every fact that at least one of the two records, the differing ones first."""
    fields = [_field(part, survivor, other) for part in PARTS]
    told = [field for field in fields if field.survivor or field.other]
    return sorted(told, key=lambda field: field.same)


def _field(part: Part, survivor: Resource, other: Resource) -> MergeField:
    ours, theirs = part.show(survivor), part.show(other)
    same = _held(part, survivor) == _held(part, other)
    return MergeField(
        key=part.key,
        label=part.label,
        survivor=ours,
        other=theirs,
        same=same,
        proposed=_proposed(part, survivor, other),
        may_keep_both=part.several and bool(ours and theirs) and not same,
    )


def _proposed(part: Part, survivor: Resource, other: Resource) -> Choice:
    if not any(_held(part, survivor)):
        return "other" if any(_held(part, other)) else "survivor"
    return "both" if part.several and any(_held(part, other)) else "survivor"


def _held(part: Part, patient: Resource) -> list[Any]:
    """What the record holds of this fact; a list of nothings when it holds none."""
    extensions = [item for item in patient.get("extension") or () if item.get("url") in part.extensions]
    return [patient.get(element) for element in part.elements] + [extensions or None]


def combine(survivor: Resource, other: Resource, choices: Mapping[str, Choice], *, today: date) -> Resource:
    """The surviving Patient. Where there is no choice, the proposed one counts. Links are added by the merge."""
    made = dict(survivor)
    for part in PARTS:
        _take(part, choices.get(part.key) or _proposed(part, survivor, other), made, survivor, other)
    for element, value in other.items():
        if element not in made and element not in ADMINISTRATIVE and element not in MANAGED_ELEMENTS:
            made[element] = value
    made["extension"] = [*(made.get("extension") or ()), *_extensions_only_there(survivor, other)]
    made["name"] = _names_kept(made, survivor, other)
    made["identifier"] = _identifiers(survivor, other, today)
    return without_empty(made)


def _take(part: Part, choice: Choice, made: Resource, survivor: Resource, other: Resource) -> None:
    for element in part.elements:
        if choice == "both" and part.several:
            value: Any = _united(survivor.get(element), other.get(element))
        else:
            value = (other if choice == "other" else survivor).get(element)
        made.pop(element, None)
        if value is not None:
            made[element] = value
    if part.extensions and choice == "other":
        kept = [item for item in made.get("extension") or () if item.get("url") not in part.extensions]
        made["extension"] = kept + [
            item for item in other.get("extension") or () if item.get("url") in part.extensions
        ]


def _united(first: list[Any] | None, second: list[Any] | None) -> list[Any] | None:
    """Both lists, what says the same once."""
    united = list(first or ())
    united += [item for item in second or () if item not in united]
    return united or None


def _extensions_only_there(survivor: Resource, other: Resource) -> list[Resource]:
    """Extensions of the other record that nobody chooses among and of which the survivor has none."""
    ours = {item.get("url") for item in survivor.get("extension") or ()}
    return [
        item
        for item in other.get("extension") or ()
        if item.get("url") not in MANAGED_EXTENSIONS and item.get("url") not in ours
    ]


def _names_kept(made: Resource, survivor: Resource, other: Resource) -> list[Resource]:
    """The chosen names, then those that only the other side had, as old ones: somebody may look for them."""
    chosen = made.get("name") or []
    said = [_plain(name) for name in chosen]
    rest = []
    for name in [*(survivor.get("name") or ()), *(other.get("name") or ())]:
        if _plain(name) not in said:
            said.append(_plain(name))
            rest.append({**name, "use": name["use"] if name.get("use") in ("maiden", "old") else "old"})
    return [*chosen, *rest]


def _plain(name: Resource) -> tuple[Any, ...]:
    return (
        name.get("family"),
        tuple(name.get("given") or ()),
        name.get("text"),
        tuple(name.get("suffix") or ()),
    )


def _identifiers(survivor: Resource, other: Resource, today: date) -> list[Resource]:
    """The survivor's numbers stay in force; a record number of this site that the other bore is kept as an old one."""
    kept = list(survivor.get("identifier") or ())
    known = {(item.get("system"), item.get("value")) for item in kept}
    for item in other.get("identifier") or ():
        if (item.get("system"), item.get("value")) in known:
            continue
        if item.get("system") == MRN_SYSTEM and item.get("use") != "old":
            period = {**(item.get("period") or {}), "end": today.isoformat()}
            item = {**item, "use": "old", "period": period}
        kept.append(item)
    return kept
