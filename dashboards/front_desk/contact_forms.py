"""Dialogs of how to reach somebody: phones, e-mail, addresses; contacts, clinician and pharmacy."""

from __future__ import annotations

import streamlit as st

from dashboards.front_desk.entry_rows import entry_rows
from dashboards.front_desk.identity_forms import DATE_HINT, choice
from dashboards.front_desk.saving import about, save_fields
from dashboards.front_desk.typed import iso_date
from dashboards.shared.session import StaffSession
from data_contracts import demographics as vocabulary
from data_contracts.api.demographics import AddressEntry, ContactEntry, PatientProfile, TelecomEntry

SYSTEMS = {"phone": "Phone", "sms": "Text messages only", "email": "E-mail", "fax": "Fax", "other": "Other"}
USES = {"mobile": "Mobile", "home": "Home", "work": "Work", "temp": "Temporary", "old": "Old"}
ADDRESS_USES = {"home": "Home", "work": "Work", "billing": "Billing", "temp": "Temporary", "old": "Old"}


@st.dialog("Change phone, e-mail, addresses", width="large")
def reach_dialog(session: StaffSession, profile: PatientProfile, form: str) -> None:
    about(profile)
    telecom = entry_rows(
        form,
        "telecom",
        profile.facts.telecom,
        _telecom_row,
        new=lambda: TelecomEntry(use="mobile"),
        what="number",
    )
    addresses = entry_rows(
        form,
        "address",
        profile.facts.addresses,
        _address_row,
        new=lambda: AddressEntry(use="home", country="US"),
        what="address",
    )
    typed = {"telecom": telecom, "addresses": addresses}
    save_fields(session, profile, form, typed, "Phone, e-mail and addresses saved.")


def _telecom_row(key: str, item: TelecomEntry, number: int) -> TelecomEntry:
    parts = st.columns([2, 3.4, 2, 1.6])
    with parts[0]:
        system = choice(f"Kind of number {number}", SYSTEMS, item.system, f"{key}-system")
    value = parts[1].text_input(
        f"Number or address {number}", item.value or "", key=f"{key}-value", max_chars=200
    )
    with parts[2]:
        use = choice(f"Use {number}", USES, item.use, f"{key}-use")
    rank = parts[3].number_input(
        f"Preference {number}", 1, 9, value=item.rank, step=1, key=f"{key}-rank", placeholder="None"
    )
    return item.model_copy(
        update={
            "system": system or "phone",
            "value": value or None,
            "use": use,
            "rank": int(rank) if rank else None,
        }
    )


def _address_row(key: str, item: AddressEntry, number: int) -> AddressEntry:
    parts = st.columns([1.6, 3.2, 2.2, 1, 1.4])
    with parts[0]:
        use = choice(f"Use of address {number}", ADDRESS_USES, item.use, f"{key}-use")
    line = parts[1].text_area(
        f"Street {number}", item.line or "", key=f"{key}-line", max_chars=300, height=68
    )
    city = parts[2].text_input(f"City {number}", item.city or "", key=f"{key}-city", max_chars=100)
    state = parts[3].text_input(f"State {number}", item.state or "", key=f"{key}-state", max_chars=100)
    postal_code = parts[4].text_input(f"ZIP {number}", item.postal_code or "", key=f"{key}-zip", max_chars=20)
    times = st.columns(3)
    start = times[0].text_input(
        f"Address from {number}", item.start or "", key=f"{key}-start", max_chars=10, placeholder=DATE_HINT
    )
    end = times[1].text_input(
        f"Address until {number}", item.end or "", key=f"{key}-end", max_chars=10, placeholder=DATE_HINT
    )
    country = times[2].text_input(f"Country {number}", item.country or "", key=f"{key}-country", max_chars=60)
    return item.model_copy(
        update={
            "use": use,
            "line": line or None,
            "city": city or None,
            "state": state or None,
            "postal_code": postal_code or None,
            "country": country or None,
            "start": iso_date(start),
            "end": iso_date(end),
        }
    )


@st.dialog("Change contacts, clinician, pharmacy", width="large")
def contacts_dialog(session: StaffSession, profile: PatientProfile, form: str) -> None:
    about(profile)
    facts = profile.facts
    contacts = entry_rows(
        form,
        "contact",
        facts.contacts,
        _contact_row,
        new=lambda: ContactEntry(relationship="C"),
        what="contact",
    )
    names = {person.practitioner_id: person.name for person in profile.clinicians}
    clinician = choice("Primary care clinician", names, facts.clinician_id, f"{form}-clinician")
    left, right = st.columns([2, 1])
    pharmacy = left.text_input(
        "Preferred pharmacy", facts.pharmacy or "", key=f"{form}-pharmacy", max_chars=200
    )
    phone = right.text_input(
        "Phone of the pharmacy", facts.pharmacy_phone or "", key=f"{form}-pharmacy-phone", max_chars=40
    )
    typed = {
        "contacts": contacts,
        "clinician_id": clinician,
        "pharmacy": pharmacy or None,
        "pharmacy_phone": phone or None,
    }
    save_fields(session, profile, form, typed, "Contacts, clinician and pharmacy saved.")


def _contact_row(key: str, item: ContactEntry, number: int) -> ContactEntry:
    parts = st.columns([3, 2.2, 2, 2.4])
    known = {code: concept.words for code, concept in vocabulary.relationships().items()}
    name = parts[0].text_input(f"Name of contact {number}", item.name or "", key=f"{key}-name", max_chars=200)
    with parts[1]:
        relationship = choice(f"Who it is {number}", known, item.relationship, f"{key}-relationship")
    phone = parts[2].text_input(
        f"Phone of contact {number}", item.phone or "", key=f"{key}-phone", max_chars=40
    )
    email = parts[3].text_input(
        f"E-mail of contact {number}", item.email or "", key=f"{key}-email", max_chars=200
    )
    return item.model_copy(
        update={
            "name": name or None,
            "relationship": relationship,
            "phone": phone or None,
            "email": email or None,
        }
    )
