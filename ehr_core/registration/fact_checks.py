"""Checks the demographic form: every field that cannot be right, in one answer. Pure."""

from __future__ import annotations

from datetime import date

from data_contracts import demographics as vocabulary
from data_contracts.api.demographics import Demographics, Heritage
from ehr_core.registration.problems import Problems


def check_facts(facts: Demographics, was: Demographics, *, today: date) -> None:
    """Raises InvalidResource. A value that stood in the record before is left alone, however odd: it came so."""
    problems = Problems()
    _names(problems, facts, was)
    born = problems.birth_date("birth_date", facts.birth_date, today=today)
    _death(problems, facts, born, today)
    _codes(problems, facts, was)
    for number, entry in enumerate(facts.telecom):
        if entry in was.telecom:
            continue
        field = f"telecom[{number}].value"
        if not (entry.value or "").strip():
            problems.add(field, "Write the number or address, or remove the line.")
        elif entry.system in ("phone", "sms"):
            problems.phone(field, entry.value)
        elif entry.system == "email":
            problems.email(field, entry.value)
    for number, address in enumerate(facts.addresses):
        if address not in was.addresses:
            problems.period(f"addresses[{number}]", address.start, address.end)
            problems.address(
                f"addresses[{number}]",
                state=address.state,
                postal_code=address.postal_code,
                country=address.country,
            )
    _contacts(problems, facts, was)
    problems.phone("pharmacy_phone", facts.pharmacy_phone)
    problems.raise_any()


def _names(problems: Problems, facts: Demographics, was: Demographics) -> None:
    if was.names and not any(name.family or name.given for name in facts.names):
        problems.add("names", "A record keeps at least one name. Write a family name or a first name.")
    for number, name in enumerate(facts.names):
        if name in was.names:
            continue
        if not ((name.family or "").strip() or (name.given or "").strip()):
            problems.add(f"names[{number}]", "Write a family name or a first name, or remove the line.")
        problems.period(f"names[{number}]", name.start, name.end)
    if sum(name.use == "official" and not name.end for name in facts.names) > 1:
        problems.add(
            "names", "Only one name is the official one. Give an earlier one an end, or mark it as old."
        )


def _death(problems: Problems, facts: Demographics, born: tuple[date, date] | None, today: date) -> None:
    if facts.deceased_on and not facts.deceased:
        problems.add("deceased_on", "There is a date of death, but the person is not marked as deceased.")
    problems.death("deceased_on", facts.deceased_on, born=born, today=today)


def _codes(problems: Problems, facts: Demographics, was: Demographics) -> None:
    for field, heritage, groups, old in (
        ("race", facts.race, vocabulary.races(), was.race),
        ("ethnicity", facts.ethnicity, vocabulary.ethnicities(), was.ethnicity),
    ):
        if heritage != old:
            _heritage(problems, field, heritage, groups)
    for field, known in (
        ("pronouns", vocabulary.choices("pronouns")),
        ("birth_sex", vocabulary.choices("birth_sex")),
        ("gender_identity", vocabulary.gender_identities()),
    ):
        value = getattr(facts, field)
        if value is not None and value not in known and value != getattr(was, field):
            problems.add(field, "This is not among the answers that are offered. Choose one of them.")


def _heritage(problems: Problems, field: str, heritage: Heritage, groups: vocabulary.Groups) -> None:
    if heritage.answer and (heritage.categories or heritage.detailed):
        problems.add(
            field, "Declined or unknown cannot stand beside a category. Choose the one or the other."
        )
    for code in (*heritage.categories, *heritage.detailed):
        if groups.words(code) is None:
            problems.add(field, "This is not among the categories that are offered. Choose one of them.")


def _contacts(problems: Problems, facts: Demographics, was: Demographics) -> None:
    for number, contact in enumerate(facts.contacts):
        if contact in was.contacts:
            continue
        if not (contact.name or "").strip():
            problems.add(f"contacts[{number}].name", "Write the name of the contact, or remove the line.")
        problems.phone(f"contacts[{number}].phone", contact.phone)
        problems.email(f"contacts[{number}].email", contact.email)
