"""Beside the note: the problems of the visit, its services, what is missing, and the signature."""

from __future__ import annotations

from uuid import uuid4

import streamlit as st

from dashboards.clinician.form_parts import about
from dashboards.clinician.note_screen import NoteOnScreen, forget_screen, keep
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.chart import ChartSummary, Problem
from data_contracts.api.notes import NoteCheck, NoteIssue, PlanItem, ServiceCode, SignNote
from data_contracts.api.patients import PatientBanner
from ehr_core.kernel.errors import StaleVersion

RELEASE = "ICD-10-CM, April 2026"


def side_panel(session: StaffSession, screen: NoteOnScreen, summary: ChartSummary) -> None:
    _signature(session, screen, summary.banner)
    _problems(session, screen, summary.problems)
    _services(session, screen)


def _problems(session: StaffSession, screen: NoteOnScreen, problems: list[Problem]) -> None:
    """One click brings a problem of the list into the note; a new diagnosis is found by word or code."""
    if not any(section.kind == "plan" for section in screen.base.template.sections):
        return
    with st.container(border=True, key="note-problems"):
        st.subheader("Problems of this visit", anchor=False)
        chosen = {item.condition_id for item in screen.base.content.plan}
        for problem in problems:
            if problem.condition_id not in chosen:
                st.button(
                    f"Add {problem.name}",
                    key=f"add-{problem.condition_id}",
                    width="stretch",
                    on_click=_add,
                    args=(session, screen, _item_of(problem)),
                )
        if not problems:
            st.caption("No active problems recorded.")
        _new_diagnosis(session, screen)


def _item_of(problem: Problem) -> PlanItem:
    return PlanItem(
        item_id=_new_item(), condition_id=problem.condition_id, code=problem.code, name=problem.name[:300]
    )


def _new_diagnosis(session: StaffSession, screen: NoteOnScreen) -> None:
    query = st.text_input(
        "Find a diagnosis by word or code", key=f"dx-{screen.base.note_id}", max_chars=80, live="400ms"
    )
    st.checkbox("Keep it on the problem list", key=f"dx-list-{screen.base.note_id}")
    if len((query or "").strip()) < 2:
        return
    found = session.client.notes.diagnoses(query)
    if not found:
        st.caption(f"Nothing found in {RELEASE}.")
    for hit in found[:8]:
        st.button(
            f"{hit.code} {hit.name}",
            key=f"dx-{hit.code}",
            width="stretch",
            on_click=_add_found,
            args=(session, screen, hit.code, hit.name),
        )
    st.caption(RELEASE)


def _add_found(session: StaffSession, screen: NoteOnScreen, code: str, name: str) -> None:
    stays = bool(st.session_state.get(f"dx-list-{screen.base.note_id}"))
    _add(session, screen, PlanItem(item_id=_new_item(), code=code, name=name[:300], to_problem_list=stays))
    st.session_state[f"dx-{screen.base.note_id}"] = ""


def _add(session: StaffSession, screen: NoteOnScreen, item: PlanItem) -> None:
    content = screen.base.content
    if keep(session, screen, content.model_copy(update={"plan": [*content.plan, item]})):
        screen.go_to(f"plan.{item.item_id}")


def _new_item() -> str:
    return uuid4().hex[:12]


def _services(session: StaffSession, screen: NoteOnScreen) -> None:
    """Numbers as the site types them: CPT's descriptions belong to the AMA and are not shown."""
    if screen.base.kind == "addendum":
        return
    with st.container(border=True, key="note-services"):
        st.subheader("Services for billing", anchor=False)
        content = screen.base.content
        for service in content.services:
            words, remove = st.columns([3, 1.4], vertical_alignment="center")
            words.write(
                f"**{service.system.upper()} {service.code}** {' '.join(service.modifiers)} × {service.units}"
            )
            left = [one for one in content.services if one != service]
            remove.button(
                "Remove",
                key=f"remove-{service.system}-{service.code}-{'-'.join(service.modifiers)}-{service.units}",
                on_click=keep,
                args=(session, screen, content.model_copy(update={"services": left})),
            )
        with st.form(f"service-{screen.base.note_id}", border=False, clear_on_submit=True):
            code, modifiers, units = st.columns([2, 2, 1.3])
            typed = code.text_input("Code", max_chars=5, help="A CPT or HCPCS number")
            marks = modifiers.text_input(
                "Modifiers", max_chars=11, help="Two characters each, with spaces between"
            )
            times = units.number_input("Units", min_value=1, max_value=99, value=1, step=1)
            if st.form_submit_button("Add service"):
                _add_service(session, screen, typed, marks, int(times))


def _add_service(session: StaffSession, screen: NoteOnScreen, typed: str, marks: str, units: int) -> None:
    code = typed.strip().upper()
    try:
        service = ServiceCode(
            system="hcpcs" if code[:1].isalpha() else "cpt",
            code=code,
            units=units,
            modifiers=marks.upper().replace(",", " ").split(),
        )
    except ValueError:
        st.error(
            "Not added. Code: five characters such as 99213 or G0439. Modifiers: two characters each, such as 25."
        )
        return
    content = screen.base.content
    if keep(session, screen, content.model_copy(update={"services": [*content.services, service]})):
        st.rerun(scope="fragment")


def _signature(session: StaffSession, screen: NoteOnScreen, banner: PatientBanner) -> None:
    with st.container(border=True, key="note-signature"):
        check = session.client.notes.check(screen.base.note_id)
        st.subheader("Missing and warnings", anchor=False)
        show_issues(screen, check)
        if not session.may("note.sign"):
            st.caption("A clinician signs this note. Everything is saved; it waits in their list.")
            return
        if st.button(
            "Sign note", type="primary", width="stretch", shortcut="Alt+S", disabled=bool(screen.clashes)
        ):
            sign_dialog(session, screen, banner, f"sign-{uuid4().hex}")


def show_issues(screen: NoteOnScreen, check: NoteCheck) -> None:
    """Each leads to its place in the note."""
    if not check.issues:
        st.caption("Nothing is missing.")
    for number, issue in enumerate(check.issues):
        st.button(
            _issue_words(issue),
            key=f"issue-{number}-{issue.field}",
            width="stretch",
            type="tertiary",
            on_click=screen.go_to,
            args=(issue.field,),
        )


def _issue_words(issue: NoteIssue) -> str:
    return f"**Missing:** {issue.message}" if issue.blocks else f"Look: {issue.message}"


@st.dialog("Sign this note", width="medium")
def sign_dialog(session: StaffSession, screen: NoteOnScreen, banner: PatientBanner, key: str) -> None:
    """The gate: whose note, what is missing, and one click. `key` is this opening's: pressed twice, signed once."""
    about(banner)
    draft = screen.base
    st.write(f"{draft.template.title}, version {draft.version}")
    check = session.client.notes.check(draft.note_id)
    for issue in check.issues:
        (st.error if issue.blocks else st.warning)(issue.message)
    if check.version != draft.version:
        st.error("The note was saved again since this was drawn. Close this, read it once more, then sign.")
    cosign = st.checkbox("Ask a colleague to co-sign", key=f"{key}-cosign")
    st.caption(
        "Signing locks the note and seals its words. Later additions are addenda; changes need a reason."
    )
    ready = check.may_sign and check.version == draft.version and not screen.clashes
    if st.button("Sign and seal", type="primary", disabled=not ready, key=f"{key}-go"):
        with told_errors():
            _sign(session, screen, SignNote(version=draft.version, key=key, cosign_wanted=cosign))


def _sign(session: StaffSession, screen: NoteOnScreen, sign: SignNote) -> None:
    try:
        receipt = session.client.notes.sign(screen.base.note_id, sign)
    except StaleVersion:
        st.error(
            "The note changed a moment ago and was not signed. Close this, read it once more, then sign."
        )
        return
    forget_screen(screen.base.note_id)
    remember(f"Signed and sealed ({receipt.sha256[:12]}).")
    st.rerun()
