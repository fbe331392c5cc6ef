"""The patient banner: fixed on every screen of one patient, never on a list of several."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import tag, text
from dashboards.shared.site_time import show_date
from data_contracts.api.demographics import Picture
from data_contracts.api.patients import PatientBanner
from ehr_core.display import show_age, show_name
from ehr_core.kernel.errors import AlmonerError


def banner_html(banner: PatientBanner, photo: Picture | None = None) -> str:
    """FAMILY, Given (Title) / Born (age) / Sex / MRN, then what changes how one talks and acts."""
    facts = [
        ("Born", f"{text(show_date(banner.birth_date))} ({text(show_age(banner.age_years))})"),
        ("Sex", text(banner.sex)),
        ("MRN", text(banner.mrn)),
        ("Pronouns", text(banner.pronouns)),
        (
            "Language",
            text(banner.language)
            + (" " + tag("Interpreter", "waiting") if banner.interpreter_required else ""),
        ),
        ("Clinic", text(banner.clinic)),
        ("Clinician", text(banner.clinician)),
    ]
    tags = [tag(words, "open") for words in _statuses(banner)]
    cells = "".join(f'<span class="fact"><i>{label}</i><b>{value}</b></span>' for label, value in facts)
    return (
        f'<div class="banner{" deceased" if banner.deceased else ""}" role="region" aria-label="Patient">'
        f"{_photo_html(photo)}"
        f'<span class="who">{text(show_name(banner.name))}</span>{cells}{"".join(tags)}</div>'
    )


def _photo_html(photo: Picture | None) -> str:
    if photo is None or photo.content_type != "image/jpeg":
        return ""
    return f'<img class="face" alt="Photo of the patient" src="data:image/jpeg;base64,{text(photo.data_base64)}">'


def _statuses(banner: PatientBanner) -> list[str]:
    statuses = list(banner.statuses)
    if banner.deceased:
        on = show_date(banner.deceased_on) if banner.deceased_on else "date not recorded"
        statuses.insert(0, f"Deceased ({on})")
    if banner.replaced_by:
        statuses.insert(0, "Merged into another record")
    elif not banner.active:
        statuses.insert(0, "Inactive record")
    return statuses


def show_banner(banner: PatientBanner) -> None:
    with st.container(key="banner"):
        st.html(banner_html(banner, _photo(banner)))


def _photo(banner: PatientBanner) -> Picture | None:
    """Asked for once while the photo stays the same. Without it the banner stands all the same."""
    if banner.photo_key is None:
        return None
    wanted = (banner.patient_id, banner.photo_key)
    kept: tuple[tuple[str, str], Picture | None] | None = st.session_state.get("banner_photo")
    if kept is None or kept[0] != wanted:
        try:
            kept = (wanted, st.session_state["session"].client.registration.photo(banner.patient_id))
        except AlmonerError:
            return None
        st.session_state["banner_photo"] = kept
    return kept[1]
