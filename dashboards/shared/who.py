"""Who a dialog, a card or a button is about: name, birth date and record number, the same everywhere."""

from __future__ import annotations

from typing import Protocol

from dashboards.shared.markup import plain_words, tag, text
from dashboards.shared.site_time import show_date
from data_contracts.api.patients import PatientName
from ehr_core.display import show_name


class Identified(Protocol):
    @property
    def name(self) -> PatientName: ...

    @property
    def birth_date(self) -> str | None: ...

    @property
    def mrn(self) -> str | None: ...


def who_words(person: Identified) -> str:
    """In Markdown, for a dialog."""
    name, mrn = plain_words(show_name(person.name)), plain_words(person.mrn or "not recorded")
    return f"**{name}**, born {show_date(person.birth_date)}, MRN {mrn}"


def who_line(person: Identified) -> str:
    """The same as bare text, for a list to choose from."""
    return (
        f"{show_name(person.name)}, born {show_date(person.birth_date)}, MRN {person.mrn or 'not recorded'}"
    )


def who_html(person: Identified, *, same_name: bool = False, more: str = "") -> str:
    """For a card of a list: what tells two people apart, and a warning where two could be mistaken."""
    warning = tag("Same or similar name", "open") if same_name else ""
    return (
        f"<h4>{text(show_name(person.name))}</h4>{warning}"
        f'<p class="quiet">Born {text(show_date(person.birth_date))} · MRN {text(person.mrn)}{more}</p>'
    )
