"""The patients behind a rate, by membership, each with the fact that decided it."""

from __future__ import annotations

import streamlit as st

from dashboards.quality.measure_facts import facts_section
from dashboards.quality.strata import STRATUM_WORDS
from dashboards.shared.chart_button import chart_button
from dashboards.shared.markup import tag, text
from dashboards.shared.paging import show_paging, stay_within
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from dashboards.shared.url_choice import url_choice
from data_contracts.api.quality import MeasureLine, MeasurePage, MeasurePatient
from ehr_core.display import show_name

MEMBERSHIP_WORDS = {
    "not_in_numerator": "Not met",
    "numerator": "Met",
    "excluded": "Excluded",
    "excepted": "Excepted",
    "not_evaluable": "Not evaluable",
}
INVERSE_WORDS = {
    "numerator": "Counts against",
    "not_in_numerator": "Does not count against",
    "excluded": "Excluded",
    "excepted": "Excepted",
    "not_evaluable": "Not evaluable",
}
"""Where lower is better, whoever is in the numerator needs something, and comes first."""
COUNTED_WORDS = {
    "not_in_numerator": "Counted",
    "excluded": "Excluded",
    "not_evaluable": "Not evaluable",
}
"""Of a continuous variable, which has no numerator."""
PAGE_SIZE = 25


def patients_section(session: StaffSession, page: MeasurePage) -> None:
    """One list a measure, membership and group, each with its own page; the group stands in the address."""
    observed = page.line.scoring == "continuous-variable"
    words = COUNTED_WORDS if observed else membership_words(page.line)
    st.subheader(f"Patients behind this {'score' if observed else 'rate'}", anchor=False)
    membership = st.segmented_control(
        "Which",
        list(words),
        default=next(iter(words)),
        required=True,
        format_func=words.get,
        key=f"membership-{'counted' if observed else page.line.improvement}",
    )
    group = url_choice("Group", "group", group_words(page), placeholder="Everyone", width=420)
    kind, _, value = (group or "all:").partition(":")
    turned = f"patients-{page.line.measure_id}-{membership}-{group}"
    found = session.client.quality.patients(
        page.line.measure_id,
        membership=membership,
        stratum_kind=kind,
        stratum_value=value or None,
        page=st.session_state.get(turned) or 1,
        size=PAGE_SIZE,
    )
    stay_within(found.page, turned)
    people = "1 patient" if found.page.total == 1 else f"{found.page.total} patients"
    st.caption(f"{people} · protected health information")
    for patient in found.rows:
        _patient(session, page, patient)
    show_paging(found.page, turned)


def membership_words(line: MeasureLine) -> dict[str, str]:
    """The lists of people by membership; first the one in which something is to be done."""
    return MEMBERSHIP_WORDS if line.improvement == "increase" else INVERSE_WORDS


def group_words(page: MeasurePage) -> dict[str, str]:
    """Every stratum whose people may be listed: 'Clinic: North', by its kind and value."""
    return {
        f"{stratum.kind}:{stratum.value}": f"{STRATUM_WORDS[stratum.kind]}: {stratum.label}"
        for stratum in page.strata
        if stratum.kind in STRATUM_WORDS
    }


def patient_html(patient: MeasurePatient, *, official: bool = False) -> str:
    """Who, a name like another's on the page marked, and what decided: a value, else the reason and its day."""
    warning = f" {tag('Same or similar name', 'open')}" if patient.same_name else ""
    return (
        f"<b>{text(show_name(patient.name))}</b>{warning} "
        f"<span class='quiet'>born {text(show_date(patient.birth_date))} · "
        f"MRN {text(patient.mrn)}</span><br>{text(_decided(patient, official=official))}"
    )


def _decided(patient: MeasurePatient, *, official: bool) -> str:
    day = show_date(patient.evidence_on) if patient.evidence_on else None
    if not official or patient.evidence_value:
        said = [patient.evidence_value, day] if day else [patient.reason]
    elif patient.membership == "not_in_numerator":
        said = [patient.reason or "Nothing in the record meets it."]
    else:
        said = [patient.reason, day]
    return " · ".join(part for part in said if part) or "no matching record"


def _patient(session: StaffSession, page: MeasurePage, patient: MeasurePatient) -> None:
    who, go = st.columns([6, 1.2], vertical_alignment="center")
    asked = page.line.official and page.line.scoring == "proportion"
    who.html(f'<div class="card">{patient_html(patient, official=asked)}</div>')
    with go:
        chart_button(session, patient.patient_id, key=f"measure-{patient.patient_id}")
    if page.line.official and st.toggle("Facts", key=f"facts-{page.line.measure_id}-{patient.patient_id}"):
        facts_section(session, page.line.measure_id, patient.patient_id)
