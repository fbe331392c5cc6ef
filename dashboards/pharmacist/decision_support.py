"""Decision support as its owner sees it: how often each rule speaks and is overridden, and what the site decides."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import table, tag, text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.decision_support import ChooseRule, RuleFigures, SupportFigures

CHOICES = {
    "retire": "Retire it",
    "tier_1": "Interrupt, with a reason to go on",
    "tier_2": "Show it beside the order",
    "tier_3": "Show it only when looked for",
    "as_written": "Back to how it is written",
}
TIER_WORDS = {1: "interrupts", 2: "beside the order", 3: "when looked for"}
SHORTEST_REASON = 10


def decision_support_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Decision support")
    with told_errors():
        tell_remembered()
        shown = session.client.decision_support.figures()
        _summary(shown)
        if not shown.rules:
            st.info("No rule has been shown yet. Figures appear with the first prescription that is checked.")
            return
        st.html(_table(shown))
        titles = {rule.rule_id: f"{rule.title} ({rule.rule_id})" for rule in shown.rules}
        chosen = st.selectbox(
            "Decide about a rule", list(titles), index=None, format_func=titles.get, key="rule"
        )
        rule = next((one for one in shown.rules if one.rule_id == chosen), None)
        if rule is not None:
            _decide(session, rule)


def _summary(shown: SupportFigures) -> None:
    st.write(
        f"Since {show_date(shown.since)}: {shown.checks} prescriptions and orders were checked. {shown.budget}"
    )
    st.caption(
        "An override rate is a question about the rule, not about people. Safety rules are never held back to keep the "
        "budget. Accepted: the interrupted prescription was dropped or changed."
    )


def _table(shown: SupportFigures) -> str:
    headings = (
        "Rule",
        "Severity",
        "Speaks",
        "Shown",
        "Interrupted",
        "Accepted",
        "Overridden",
        "Not checkable",
        "Site",
    )
    return table(headings, (_cells(rule) for rule in shown.rules), caption="Rules and how often they spoke")


def _cells(rule: RuleFigures) -> tuple[str, ...]:
    counts = (rule.shown, rule.interrupted, rule.accepted, _share(rule), rule.could_not_check)
    waits = f" {tag('Waits for a second person', 'waiting')}" if rule.waits_for_agreement else ""
    return (
        f"<b>{text(rule.title)}</b><br><span class='quiet'>{text(rule.rule_id)}</span>",
        text(rule.severity),
        text(TIER_WORDS.get(rule.tier)),
        *(text(count) for count in counts),
        text(rule.choice, "as written") + waits,
    )


def _share(rule: RuleFigures) -> str:
    if not rule.interrupted:
        return str(rule.overridden)
    return f"{rule.overridden} ({round(100 * rule.overridden / rule.interrupted)} %)"


def _decide(session: StaffSession, rule: RuleFigures) -> None:
    if rule.may_retire:
        st.caption(rule.may_retire)
    with st.container(horizontal=True):
        if st.button("Retire or re-tier"):
            _choose(session, rule, fresh_form("choice"))
        if rule.waits_for_agreement and st.button("Agree as the second person", type="primary"):
            with told_errors():
                session.client.decision_support.agree(rule.rule_id)
                remember(f"Agreed. {rule.title} now follows the site's choice.")
                st.rerun()


@st.dialog("Decide about a rule")
def _choose(session: StaffSession, rule: RuleFigures, form: str) -> None:
    st.write(f"**{rule.title}** ({rule.severity}, {TIER_WORDS.get(rule.tier)})")
    chosen = st.radio("From now on", list(CHOICES), index=None, format_func=CHOICES.get, key=f"{form}-what")
    reason = st.text_area("Why", max_chars=500, key=f"{form}-why")
    until = st.date_input("Until (within a year)", value=None, format="YYYY-MM-DD", key=f"{form}-until")
    ready = chosen is not None and len(reason.strip()) >= SHORTEST_REASON
    if st.button("Save", type="primary", disabled=not ready):
        with told_errors():
            choice = ChooseRule(choice=chosen, reason=reason.strip(), until=until)
            session.client.decision_support.choose(rule.rule_id, choice)
            remember(f"Saved: {rule.title}.")
            st.rerun()
