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
from dashboards.shared.who import who
from data_contracts.api.demographics import DemographicChanges, Demographics, PatientProfile, SaveDemographics
from ehr_core.kernel.errors import AlmonerError, StaleVersion


def about(profile: PatientProfile) -> None:
    st.write(who(profile.banner))


def save_fields(
    session: StaffSession, profile: PatientProfile, form: str, typed: dict[str, Any], done: str
) -> None:
    """Draws the button, and acts on it. `typed`: the fields of this dialog as they stand in it."""
    told: DemographicChanges | None = st.session_state.get(f"{form}-told")
    if told is not None:
        _show_changes(told)
    if sentence := st.session_state.pop(f"{form}-refused", None):
        st.error(sentence)
    label = "Save over it" if told is not None else "Save"
    if not st.button(label, type="primary", key=f"{form}-save"):
        return
    version, base = (told.version_id, told.facts) if told else (profile.version_id, profile.facts)
    facts = changed_facts(profile.facts, base, typed)
    try:
        session.client.profile.save_demographics(
            profile.banner.patient_id, SaveDemographics(version_id=version, facts=facts)
        )
    except StaleVersion:
        st.session_state[f"{form}-told"] = session.client.profile.changes_since(
            profile.banner.patient_id, profile.version_id
        )
        st.rerun(scope="fragment")
    except AlmonerError as error:
        st.session_state[f"{form}-refused"] = error_words(error)
        st.rerun(scope="fragment")
    remember(done)
    st.rerun()


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
