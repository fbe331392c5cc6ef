"""Writes a prescription beside the medication list: find the product, say how it is taken, see the checks, sign."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import streamlit as st

from dashboards.clinician.form_parts import about
from dashboards.clinician.outside_cards import outside_panel
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import plain_words
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.support_cards import support_cards
from data_contracts.api.decision_support import Acknowledged
from data_contracts.api.medications import (
    MedicationEntry,
    MedicationList,
    PreparePrescription,
    PrescribingChoices,
    PrescriptionDraft,
    ProductOption,
    Replaced,
    Sig,
    SignPrescription,
)
from data_contracts.api.outside import WrittenPrescription
from ehr_core.display import show_name
from ehr_core.kernel.errors import InvalidResource

OPEN = "prescription_form"
USUAL_DAYS = 30
SHOWN = 12


def open_form(patient_id: str, *, replaces: MedicationEntry | None = None) -> None:
    """Opens an empty form for this patient; with `replaces` the new prescription ends that one."""
    st.session_state[OPEN] = {
        "patient": patient_id,
        "form": fresh_form("prescription"),
        "request": str(uuid4()),
        "product": None,
        "replaces": replaces,
    }


def prescription_form(session: StaffSession, shown: MedicationList) -> None:
    opened = st.session_state.get(OPEN)
    if opened is None or opened["patient"] != shown.banner.patient_id:
        st.session_state.pop(OPEN, None)
        st.caption("New prescriptions are written here, beside the list.")
        return
    with st.container(border=True, key="prescription"):
        replaced = opened["replaces"]
        st.subheader(
            f"Replaces {plain_words(replaced.name)}" if replaced else "New prescription", anchor=False
        )
        about(shown.banner)
        if opened["product"] is None:
            _find(session, opened)
        else:
            _write(session, shown, opened)


def _find(session: StaffSession, opened: dict) -> None:
    form = opened["form"]
    replaced = opened["replaces"]
    typed = st.text_input(
        "Drug, strength or brand",
        value=replaced.name.split(" ")[0] if replaced else "",
        key=f"{form}-typed",
        live=True,
        placeholder="metformin 500",
    )
    if len(typed.strip()) < 2:
        return
    found = session.client.medications.search(typed)
    for option in found.items[:SHOWN]:
        st.button(
            f"{option.name}  ({option.brand})" if option.brand else option.name,
            key=f"{form}-pick-{option.rxcui}",
            on_click=_pick,
            args=(opened, option),
            disabled=option.not_here is not None,
            help=option.not_here,
            width="stretch",
        )
    if not found.items:
        st.info("No product of that name is on the list. In words it is not checked by ingredient.")
    words = typed.strip()
    st.button(f"Write “{words}” as words", key=f"{form}-words", on_click=_pick, args=(opened, words))
    st.caption(f"What can be looked up: {found.coverage}")


def _pick(opened: dict, chosen: ProductOption | str) -> None:
    opened["product"] = chosen


def _write(session: StaffSession, shown: MedicationList, opened: dict) -> None:
    form, product = opened["form"], opened["product"]
    choices = session.client.medications.choices()
    named = product if isinstance(product, str) else product.name
    with st.container(horizontal=True, vertical_alignment="center"):
        st.write(f"**{plain_words(named)}**")
        st.button("Another", key=f"{form}-another", on_click=_pick, args=(opened, None))
    draft = _draft(choices, opened, named)
    try:
        checked = session.client.medications.check(shown.banner.patient_id, draft, opened["request"])
    except InvalidResource as error:
        st.error(" ".join(f"{issue.expression}: {issue.message}" for issue in error.issues))
        return
    st.write(f"Label: **{plain_words(checked.arithmetic.text)}**")
    if checked.arithmetic.disagreement:
        st.warning(checked.arithmetic.disagreement)
    answers = support_cards(checked.cards, form)
    override = _blocked(checked.blocked, choices, form)
    parts = draft.sig.frequency or draft.sig.free_text
    ready = answers is not None and (checked.blocked is None or override is not None) and parts
    act, leave = st.columns(2)
    if session.may("medication.prescribe"):
        if act.button("Sign", type="primary", disabled=not ready, key=f"{form}-sign", width="stretch"):
            _sign(session, shown, opened, draft, answers or [], override)
    elif act.button("Put before a prescriber", type="primary", disabled=not parts, key=f"{form}-prepare"):
        _prepare(session, shown, opened, draft)
    leave.button("Discard", key=f"{form}-discard", on_click=_discard, width="stretch")
    whose = plain_words(f"{show_name(shown.banner.name)}, MRN {shown.banner.mrn or 'not recorded'}.")
    st.caption(f"Signed for {whose}")
    _outside(session, shown.banner.patient_id, opened, draft, complete=bool(parts))


def _outside(
    session: StaffSession, patient_id: str, opened: dict, draft: PrescriptionDraft, *, complete: bool
) -> None:
    """What outside decision support says of the choice, and of the signature once there is something to sign."""
    written = WrittenPrescription(draft_id=opened["request"], draft=draft)
    outside_panel(session, patient_id, "order-select", prescription=written)
    if complete:
        outside_panel(session, patient_id, "order-sign", prescription=written)


def _sign(
    session: StaffSession,
    shown: MedicationList,
    opened: dict,
    draft: PrescriptionDraft,
    answers: list[Acknowledged],
    override: str | None,
) -> None:
    with told_errors():
        order = SignPrescription(
            request_id=opened["request"],
            draft=draft,
            acknowledged=answers,
            allergy_override=override,
            send=bool(draft.pharmacy),
        )
        session.client.medications.sign(shown.banner.patient_id, order)
        _close(f"{draft.name} was signed.")


def _prepare(session: StaffSession, shown: MedicationList, opened: dict, draft: PrescriptionDraft) -> None:
    with told_errors():
        order = PreparePrescription(request_id=opened["request"], draft=draft)
        session.client.medications.prepare(shown.banner.patient_id, order)
        _close(f"{draft.name} waits for a prescriber's signature.")


def _close(message: str) -> None:
    del st.session_state[OPEN]
    remember(message)
    st.rerun()


def _discard() -> None:
    st.session_state.pop(OPEN, None)


def _blocked(blocked: str | None, choices: PrescribingChoices, form: str) -> str | None:
    if blocked is None:
        return None
    st.warning(blocked)
    words = {choice.code: choice.words for choice in choices.allergy_overrides}
    return st.selectbox(
        "It cannot wait because", list(words), index=None, format_func=words.get, key=f"{form}-override"
    )


def _draft(choices: PrescribingChoices, opened: dict, named: str) -> PrescriptionDraft:
    form, product = opened["form"], opened["product"]
    option = product if isinstance(product, ProductOption) else None
    how = _sig(choices, option, form)
    days, amount, refills = st.columns(3)
    supply = days.number_input(
        "Days' supply", min_value=1, max_value=365, value=USUAL_DAYS, key=f"{form}-days"
    )
    typed = amount.text_input("Quantity", placeholder="worked out", key=f"{form}-quantity")
    again = refills.number_input("Refills", min_value=0, max_value=11, value=0, key=f"{form}-refills")
    with st.expander("Indication, pharmacy, substitution"):
        indication = st.text_input("For (indication)", max_chars=200, key=f"{form}-for")
        pharmacy = st.text_input("Pharmacy", max_chars=200, key=f"{form}-pharmacy")
        generic = st.checkbox("Substitution allowed", value=True, key=f"{form}-generic")
        note = st.text_input("Note to the pharmacist", max_chars=500, key=f"{form}-note")
    replaced = opened["replaces"]
    draft = PrescriptionDraft(
        rxcui=option.rxcui if option else None,
        name=named,
        sig=how,
        quantity=_decimal(typed),
        quantity_unit=how.dose_unit,
        days_supply=int(supply),
        refills=int(again),
        substitution_allowed=generic,
        indication=indication.strip() or None,
        pharmacy=pharmacy.strip() or None,
        note_to_pharmacist=note.strip() or None,
        replaces=[Replaced(prescription_id=replaced.prescription_id, version_id=replaced.version_id)]
        if replaced
        else [],
    )
    return draft


def _sig(choices: PrescribingChoices, option: ProductOption | None, form: str) -> Sig:
    dose, unit, route = st.columns([2, 3, 4])
    amount = dose.text_input("Dose", value="1", key=f"{form}-dose")
    of = unit.text_input(
        "of", value=(option.dose_unit if option else None) or "", key=f"{form}-unit", placeholder="tablet"
    )
    routes = {choice.code: choice.words for choice in choices.routes}
    default = list(routes).index(option.route) if option and option.route in routes else None
    by = route.selectbox("Route", list(routes), index=default, format_func=routes.get, key=f"{form}-route")
    often = {choice.code: choice.words for choice in choices.frequencies}
    how_often = st.pills("How often", list(often), format_func=often.get, key=f"{form}-often")
    needed = st.checkbox("As needed", key=f"{form}-needed")
    reason = st.text_input("As needed for", max_chars=100, key=f"{form}-needed-for") if needed else ""
    own = st.text_input(
        "Or the whole instruction in words",
        max_chars=1000,
        key=f"{form}-own",
        help="It stands in the place of the parts; then quantity and dose cannot be worked out or checked.",
    )
    return Sig(
        dose_amount=_decimal(amount),
        dose_unit=of.strip() or None,
        route=by,
        frequency=how_often,
        as_needed=needed,
        as_needed_for=reason.strip() or None,
        free_text=own.strip() or None,
    )


def _decimal(typed: str) -> Decimal | None:
    """A positive number as typed; None where it is none: the API then says which field lacks one."""
    try:
        value = Decimal(typed.strip())
    except ArithmeticError:
        return None
    return value if value.is_finite() and value > 0 else None
