"""The demographic facts as cards: what is not recorded is said, and never left out."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.shared.markup import lines, tag, text
from dashboards.shared.site_time import show_date
from data_contracts import demographics as vocabulary
from data_contracts.api.demographics import (
    AddressEntry,
    ContactEntry,
    Demographics,
    Heritage,
    NameEntry,
    PatientProfile,
    TelecomEntry,
)
from ehr_core.display import show_language, show_phone

NAME_USES = {
    "official": "Official",
    "usual": "In use",
    "nickname": "Nickname",
    "maiden": "Maiden name",
    "old": "Old",
    "temp": "Temporary",
    "anonymous": "Alias",
}
INTERPRETER = {True: "needed", False: "not needed", None: None}


def facts_html(facts: Sequence[tuple[str, str | None]]) -> str:
    rows = (f'<span class="quiet">{text(label)}:</span> {text(value)}' for label, value in facts)
    return lines(rows, "Nothing recorded.")


def identity_html(facts: Demographics) -> str:
    gender = vocabulary.gender_identities().get(facts.gender_identity or "")
    return facts_html(
        [
            ("Birth date", show_date(facts.birth_date) if facts.birth_date else None),
            (
                "Birth order",
                str(facts.birth_order) if facts.birth_order else None,
            ),
            ("Sex", facts.sex),
            ("Sex at birth", vocabulary.choices("birth_sex").get(facts.birth_sex or "", facts.birth_sex)),
            ("Gender identity", gender.words if gender else facts.gender_identity_text),
            (
                "Pronouns",
                vocabulary.choices("pronouns").get(facts.pronouns or "", facts.pronouns_text),
            ),
            ("Deceased", _deceased(facts)),
            ("Record in use", "yes" if facts.active else "no: inactive"),
        ]
    )


def _deceased(facts: Demographics) -> str | None:
    if not facts.deceased:
        return "no" if facts.deceased is False else None
    return f"yes, {show_date(facts.deceased_on)}" if facts.deceased_on else "yes, date not recorded"


def names_html(facts: Demographics) -> str:
    return lines(map(_name, facts.names), "No name recorded.")


def _name(name: NameEntry) -> str:
    said = ", ".join(filter(None, (name.family, name.given)))
    around = " ".join(filter(None, (name.prefix, said, name.suffix)))
    use = tag(NAME_USES[name.use], "closed" if name.use == "official" else "apart") if name.use else ""
    return f"{text(around)} {use} {_period(name.start, name.end)}"


def _period(start: str | None, end: str | None) -> str:
    said = [f"from {show_date(start)}" if start else "", f"until {show_date(end)}" if end else ""]
    return f'<span class="quiet">{text(" ".join(filter(None, said)), "")}</span>' if any(said) else ""


def heritage_html(facts: Demographics) -> str:
    return facts_html(
        [
            ("Race", heritage_words(facts.race, vocabulary.races())),
            ("Ethnicity", heritage_words(facts.ethnicity, vocabulary.ethnicities())),
            ("Preferred language", show_language(facts.language) if facts.language else None),
            ("Interpreter", INTERPRETER[facts.interpreter_required]),
        ]
    )


def heritage_words(heritage: Heritage, groups: vocabulary.Groups) -> str | None:
    if heritage.answer:
        return vocabulary.ANSWERS_WITHOUT[heritage.answer][1]
    return (
        ", ".join(groups.words(code) or code for code in [*heritage.categories, *heritage.detailed]) or None
    )


def reach_html(facts: Demographics) -> str:
    reach = lines(map(_telecom, facts.telecom), "No phone or e-mail recorded.")
    return reach + lines(map(_address, facts.addresses), "No address recorded.")


def _telecom(item: TelecomEntry) -> str:
    value = show_phone(item.value) if item.system in ("phone", "sms") else item.value
    marks = tag("Preferred", "closed") if item.rank == 1 else ""
    return f'{text(value)} <span class="quiet">{text(item.use or item.system)}</span> {marks}'


def _address(item: AddressEntry) -> str:
    line = ", ".join((item.line or "").splitlines())
    place = " ".join(filter(None, (item.city, item.state, item.postal_code)))
    said = ", ".join(filter(None, (line, place)))
    return f'{text(said)} <span class="quiet">{text(item.use, "")}</span> {_period(item.start, item.end)}'


def contacts_html(profile: PatientProfile) -> str:
    facts = profile.facts
    names = {person.practitioner_id: person.name for person in profile.clinicians}
    pharmacy = " ".join(
        filter(None, (facts.pharmacy, show_phone(facts.pharmacy_phone) if facts.pharmacy_phone else None))
    )
    return lines(map(_contact, facts.contacts), "No contact recorded.") + facts_html(
        [
            ("Primary care", names.get(facts.clinician_id or "", facts.clinician_id)),
            ("Preferred pharmacy", pharmacy or None),
        ]
    )


def _contact(item: ContactEntry) -> str:
    known = vocabulary.relationships().get(item.relationship or "")
    phone = show_phone(item.phone) if item.phone else None
    told = " · ".join(filter(None, (known.words if known else None, phone, item.email)))
    return f'{text(item.name)} <span class="quiet">{text(told, "no phone recorded")}</span>'
