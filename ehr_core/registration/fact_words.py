"""Two forms of one person compared field by field, in words: what somebody else changed meanwhile. Pure."""

from __future__ import annotations

from data_contracts import demographics as vocabulary
from data_contracts.api.demographics import (
    AddressEntry,
    ContactEntry,
    Demographics,
    FactChange,
    Heritage,
    NameEntry,
    TelecomEntry,
)
from ehr_core.display import show_date, show_language, show_phone

LABELS = {
    "names": "Names",
    "birth_date": "Birth date",
    "birth_order": "Birth order",
    "sex": "Sex",
    "birth_sex": "Sex at birth",
    "gender_identity": "Gender identity",
    "gender_identity_text": "Gender identity, in words",
    "pronouns": "Pronouns",
    "pronouns_text": "Pronouns, in words",
    "race": "Race",
    "ethnicity": "Ethnicity",
    "language": "Language",
    "interpreter_required": "Interpreter",
    "deceased": "Deceased",
    "deceased_on": "Date of death",
    "telecom": "Phone and e-mail",
    "addresses": "Addresses",
    "contacts": "Contacts",
    "clinician_id": "Clinician",
    "pharmacy": "Pharmacy",
    "pharmacy_phone": "Phone of the pharmacy",
    "active": "Record in use",
}


def changes_between(was: Demographics, now: Demographics) -> list[FactChange]:
    """The fields that differ, as the form calls them."""
    return [
        FactChange(field=field, label=label, was=say(field, was), now=say(field, now))
        for field, label in LABELS.items()
        if getattr(was, field) != getattr(now, field)
    ]


def say(field: str, facts: Demographics) -> str | None:
    """One field in words; None when it is not recorded."""
    value = getattr(facts, field)
    if value is None or value == []:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Heritage):
        return _heritage(value, vocabulary.races() if field == "race" else vocabulary.ethnicities())
    if isinstance(value, list):
        return "; ".join(filter(None, map(_entry, value))) or None
    return _simple(field, str(value))


def _simple(field: str, value: str) -> str:
    if field in ("birth_date", "deceased_on"):
        return show_date(value)
    if field == "language":
        return show_language(value)
    if field == "pharmacy_phone":
        return show_phone(value)
    if field == "gender_identity":
        known = vocabulary.gender_identities().get(value)
        return known.words if known else value
    return vocabulary.choices(field).get(value, value) if field in ("pronouns", "birth_sex") else value


def _heritage(value: Heritage, groups: vocabulary.Groups) -> str | None:
    if value.answer:
        return vocabulary.ANSWERS_WITHOUT[value.answer][1]
    return ", ".join(groups.words(code) or code for code in [*value.categories, *value.detailed]) or None


def _entry(entry: NameEntry | TelecomEntry | AddressEntry | ContactEntry) -> str:
    if isinstance(entry, NameEntry):
        name = ", ".join(filter(None, (entry.family, entry.given)))
        return _joined(name, entry.suffix, entry.use, _until(entry.end))
    if isinstance(entry, TelecomEntry):
        value = show_phone(entry.value) if entry.system in ("phone", "sms") else entry.value
        return _joined(value, entry.use, f"preference {entry.rank}" if entry.rank else None)
    if isinstance(entry, AddressEntry):
        line = ", ".join((entry.line or "").splitlines())
        place = " ".join(filter(None, (entry.city, entry.state, entry.postal_code)))
        return _joined(", ".join(filter(None, (line, place))), entry.use, _until(entry.end))
    known = vocabulary.relationships().get(entry.relationship or "")
    return _joined(entry.name, known.words if known else None, entry.phone, entry.email)


def _joined(first: str | None, *rest: str | None) -> str:
    told = ", ".join(filter(None, rest))
    return f"{first or 'not recorded'} ({told})" if told else first or ""


def _until(end: str | None) -> str | None:
    return f"until {show_date(end)}" if end else None
