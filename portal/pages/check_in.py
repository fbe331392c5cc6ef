"""Before your visit: the insurance, forms to sign, what has changed. What was written stays when it cannot be sent."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from data_contracts.api.check_in import CheckIn, CheckInSheet, DueForm, FormAnswer, ReportedChanges
from ehr_core.kernel.errors import AlmonerError, BadRequest, SignInRequired, StaleVersion
from portal.session import PatientSession
from portal.text import Words

COVERAGES = ("as_shown", "changed", "no_coverage")


@dataclass(frozen=True)
class Answers:
    """What the person gave in the dialog."""

    coverage: str | None
    coverage_note: str | None
    forms: list[FormAnswer]
    reported: ReportedChanges | None


def check_in_dialog(session: PatientSession, appointment_id: str) -> None:
    words = session.words
    try:
        sheet = session.client.visits.sheet(appointment_id, words.language)
    except AlmonerError:
        st.error(words("visits.trouble"))
        return

    @st.dialog(words("visits.check_in"))
    def dialog() -> None:
        answers = _ask(words, sheet)
        if st.button(
            words("checkin.send"), type="primary", width="stretch", disabled=answers.coverage is None
        ):
            trouble = send(session, sheet, answers)
            if trouble is None:
                st.session_state["said"] = words("checkin.sent")
                st.rerun()
            st.error(trouble)

    dialog()


def coverage_lines(words: Words, sheet: CheckInSheet) -> list[str]:
    """The insurance as the record has it; its number by its last digits only."""
    lines = []
    for one in sheet.coverages:
        number = f" · …{one.member_id[-4:]}" if one.member_id else ""
        lines.append(f"{one.payer or words('checkin.payer_unknown')}{number}")
    return lines or [words("checkin.no_coverage_recorded")]


def _ask(words: Words, sheet: CheckInSheet) -> Answers:
    st.write(f"**{words('checkin.insurance')}**")
    for line in coverage_lines(words, sheet):
        st.text(line)
    coverage = st.radio(
        words("checkin.still_so"),
        list(COVERAGES),
        index=None,
        format_func=lambda one: words(f"checkin.{one}"),
        key="checkin_coverage",
    )
    note = None
    if coverage == "changed":
        note = st.text_input(words("checkin.what_changed"), max_chars=300) or None
    forms = [answer for due in sheet.forms if (answer := _form(words, due)) is not None]
    return Answers(coverage, note, forms, _reported(words))


def _form(words: Words, due: DueForm) -> FormAnswer | None:
    st.write(f"**{due.title}**")
    answers: dict[str, bool | str] = {}
    for item in due.items:
        key = f"form-{due.form_id}-{item.link_id}"
        if item.kind == "display":
            st.write(item.text)
        elif item.kind == "boolean":
            answers[item.link_id] = st.checkbox(item.text, key=key)
        elif item.kind == "choice":
            answers[item.link_id] = st.selectbox(item.text, item.options, index=None, key=key) or ""
        else:
            answers[item.link_id] = st.text_input(item.text, max_chars=500, key=key)
    name = st.text_input(words("checkin.sign"), max_chars=120, key=f"form-{due.form_id}-name").strip()
    return FormAnswer(form_id=due.form_id, answers=answers, signed_by=name) if len(name) > 1 else None


def _reported(words: Words) -> ReportedChanges | None:
    st.write(f"**{words('checkin.changes')}**")
    st.caption(words("checkin.changes_words"))
    allergies = st.text_area(words("checkin.allergies"), max_chars=1000, key="checkin_allergies").strip()
    medicines = st.text_area(words("checkin.medicines"), max_chars=1000, key="checkin_medicines").strip()
    if not allergies and not medicines:
        return None
    return ReportedChanges(allergies=allergies or None, medications=medicines or None)


def send(session: PatientSession, sheet: CheckInSheet, answers: Answers) -> str | None:
    """Null when it was received, else what to tell the person, who may send again."""
    words = session.words
    wanted = CheckIn(
        version=sheet.version,
        coverage=answers.coverage,
        coverage_note=answers.coverage_note,
        forms=answers.forms,
        reported=answers.reported,
        arrive=False,
    )
    try:
        session.client.visits.check_in(sheet.visit.appointment_id, wanted)
    except StaleVersion:
        return words("visits.changed")
    except BadRequest:
        return words("checkin.incomplete")
    except SignInRequired:
        return words("gate.session_ended")
    except AlmonerError:
        return words("visits.trouble")
    return None
