"""Saves demographics under the version that was drawn. The second editor sees what changed and loses nothing.

Each dialog changes a few fields. When somebody else saved first, their changes are shown, the dialog is bound to the
version that they made, and what was typed stays: saving again writes these fields over theirs, and no other.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards.shared.markup import lines, text
from dashboards.shared.page import error_words, remember
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from dashboards.shared.who import who_words
from data_contracts.api.demographics import DemographicChanges, Demographics, PatientProfile, SaveDemographics
from ehr_core.kernel.errors import AlmonerError, StaleVersion


def about(profile: PatientProfile) -> None:
    st.write(who_words(profile.banner))


def save_fields(
    session: StaffSession, profile: PatientProfile, form: str, typed: dict[str, Any], done: str
) -> None:
    """Draws the button, and acts on it. `typed`: the fields of this dialog as they stand in it.

    The press is read before the button is drawn: what came of it stands above the button, in the same run.
    """
    refused = None
    if st.session_state.get(f"{form}-save"):
        refused = _save(session, profile, form, typed)
        if refused is None and not st.session_state.get(f"{form}-unseen"):
            remember(done)
            st.rerun()
    told: DemographicChanges | None = st.session_state.get(f"{form}-told")
    if told is not None:
        _show_changes(told)
    if refused:
        st.error(refused)
    st.session_state[f"{form}-unseen"] = False
    st.button("Save over it" if told is not None else "Save", type="primary", key=f"{form}-save")


def _save(session: StaffSession, profile: PatientProfile, form: str, typed: dict[str, Any]) -> str | None:
    """What it was refused with. When somebody else was first, their changes are kept to be shown: "unseen"."""
    told: DemographicChanges | None = st.session_state.get(f"{form}-told")
    version, base = (told.version_id, told.facts) if told else (profile.version_id, profile.facts)
    save = SaveDemographics(version_id=version, facts=changed_facts(profile.facts, base, typed))
    patient_id = profile.banner.patient_id
    try:
        session.client.profile.save_demographics(patient_id, save)
    except StaleVersion:
        changes = session.client.profile.changes_since(patient_id, profile.version_id)
        st.session_state[f"{form}-told"] = changes
        st.session_state[f"{form}-unseen"] = True
    except AlmonerError as error:
        return error_words(error)
    return None


def changed_facts(drawn: Demographics, base: Demographics, typed: dict[str, Any]) -> Demographics:
    """What somebody typed that differs from what was drawn, over what the record says now."""
    changes = {name: value for name, value in typed.items() if value != getattr(drawn, name)}
    for name, value in changes.items():
        if isinstance(value, list) and getattr(base, name) != getattr(drawn, name):
            changes[name] = [_placed(entry, getattr(base, name)) for entry in value]
    return base.model_copy(update=changes)


def _placed(entry: Any, now: list[Any]) -> Any:
    """An entry of a list that somebody else changed: where it stands today, or nowhere yet."""
    for other in now:
        if other.model_copy(update={"place": entry.place}) == entry:
            return other
    return entry.model_copy(update={"place": None})


def _show_changes(told: DemographicChanges) -> None:
    who_changed = told.changed_by or "Somebody else"
    st.warning(
        f"{who_changed} saved this record on {show_instant(told.changed_at)}, after you opened it. Nothing of yours is "
        "saved or lost. Look at what changed; then save over it, or close this window."
    )
    rows = (
        f"<b>{text(change.label)}</b>: {text(change.was)} → {text(change.now)}" for change in told.changes
    )
    st.html(f'<div class="card">{lines(rows, "No fact of this form has changed.")}</div>')
