"""Which pages the workspace has, who may open each, and under which heading of the navigation it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dashboards.admin.accounts import accounts_page
from dashboards.admin.alerts import alerts_page
from dashboards.admin.apps import apps_page
from dashboards.admin.audit import audit_page
from dashboards.admin.break_glass import break_glass_page
from dashboards.admin.chart_access import chart_access_page
from dashboards.admin.disclosures import disclosures_page
from dashboards.admin.official_measures import official_measures_page
from dashboards.admin.outside import outside_page
from dashboards.admin.roles import roles_page
from dashboards.care_manager.replies import replies_page
from dashboards.care_manager.risk import risk_page
from dashboards.care_manager.worklist import worklist_page
from dashboards.clinician.chart import chart_page
from dashboards.clinician.coverage import coverage_page
from dashboards.clinician.inbox import inbox_page
from dashboards.clinician.inbox_title import inbox_title
from dashboards.clinician.medications import medications_page, refills_page
from dashboards.clinician.note import note_page
from dashboards.clinician.overdue import overdue_page
from dashboards.clinician.patients import patients_page
from dashboards.clinician.reconcile import reconcile_page
from dashboards.clinician.to_sign import to_sign_page
from dashboards.clinician.today import today_page
from dashboards.clinician.unmatched import unmatched_page
from dashboards.front_desk.book import book_page
from dashboards.front_desk.calendars import calendars_page
from dashboards.front_desk.duplicates import duplicates_page
from dashboards.front_desk.flow_board import flow_board_page
from dashboards.front_desk.mailbox import mailbox_page
from dashboards.front_desk.profile import profile_page
from dashboards.front_desk.register import register_page
from dashboards.front_desk.reported import reported_page
from dashboards.front_desk.schedule import schedule_page
from dashboards.front_desk.waitlist import waitlist_page
from dashboards.pharmacist.decision_support import decision_support_page
from dashboards.quality.data_quality import data_quality_page
from dashboards.quality.measures import measures_page
from dashboards.shared.session import StaffSession

DAY, FRONT_DESK, CARE, POPULATION, HOUSE = "", "Front desk", "Care", "Population", "House"
"""Headings; what stands under the first is seen at once, the others open a list."""
HIDDEN = None
"""Reached from another page, never from the navigation."""
FIRST_PAGES = {
    "clinician": "today",
    "nurse": "today",
    "care_manager": "worklist",
    "front_desk": "board",
    "pharmacist": "decision-support",
    "admin": "alerts",
}
"""Where a morning begins, by the first of these that somebody has; for everybody else with the day's list."""
AT_HAND = {"front_desk": ("register", "book"), "admin": ("alerts", "broken-glass", "audit", "accounts")}
"""What this role does all day stands beside the day's pages and not in a list that must be opened first."""


class Offer(NamedTuple):
    permission: str
    page: Callable[[], None]
    title: str
    path: str
    heading: str | None


def offers(session: StaffSession) -> list[Offer]:
    """Every page in the order of a morning; this person's first page comes first."""
    found = [
        Offer("schedule.read", today_page, "Today", "today", DAY),
        Offer("result.read", inbox_page, inbox_title(session), "inbox", DAY),
        Offer("worklist.read", worklist_page, "Worklist", "worklist", DAY),
        Offer("schedule.read", flow_board_page, "Flow board", "board", DAY),
        Offer("schedule.read", schedule_page, "Schedule", "schedule", DAY),
        Offer("patient.search", patients_page, "Patients", "patients", DAY),
        Offer("registration.write", register_page, "Register", "register", FRONT_DESK),
        Offer("schedule.book", book_page, "Book", "book", FRONT_DESK),
        Offer("schedule.book", waitlist_page, "Waitlist", "waitlist", FRONT_DESK),
        Offer("registration.merge", duplicates_page, "Double records", "duplicates", FRONT_DESK),
        Offer("mailbox.read", mailbox_page, "Mailbox", "mailbox", FRONT_DESK),
        Offer("schedule.manage", calendars_page, "Calendars", "calendars", FRONT_DESK),
        Offer("registration.write", profile_page, "Profile", "profile", HIDDEN),
        Offer("chart.read", chart_page, "Chart", "chart", HIDDEN),
        Offer("chart.read", note_page, "Note", "note", HIDDEN),
        Offer("chart.read", medications_page, "Medications", "medications", HIDDEN),
        Offer("chart.read", reconcile_page, "Reconcile medications", "reconcile", HIDDEN),
        Offer("order.sign", to_sign_page, "Orders to sign", "to_sign", CARE),
        Offer("medication.prescribe", refills_page, "Refills", "refills", CARE),
        Offer("result.read", overdue_page, "Overdue orders", "overdue", CARE),
        Offer("result.read", unmatched_page, "Results without a patient", "unmatched", CARE),
        Offer("result.read", coverage_page, "Coverage and pools", "coverage", CARE),
        Offer("chart.read", reported_page, "Reported by patients", "reported", CARE),
        Offer("measure.read", measures_page, "Measures", "measures", POPULATION),
        Offer("data_quality.read", data_quality_page, "Data quality", "data-quality", POPULATION),
        Offer("aggregate.read", risk_page, "Risk", "risk", POPULATION),
        Offer("worklist.read", replies_page, "Replies", "replies", POPULATION),
        Offer(
            "decision_support.manage", decision_support_page, "Decision support", "decision-support", HOUSE
        ),
        Offer("audit.read", audit_page, "Audit", "audit", HOUSE),
        Offer("account.manage", accounts_page, "Accounts", "accounts", HOUSE),
        Offer("measure.manage", official_measures_page, "Official measures", "official-measures", HOUSE),
        Offer("access.manage", apps_page, "Apps", "apps", HOUSE),
        Offer("audit.read", alerts_page, "Alerts", "alerts", HOUSE),
        Offer("access.manage", outside_page, "Outside systems", "outside", HOUSE),
        Offer("audit.read", break_glass_page, "Broken glass", "broken-glass", HOUSE),
        Offer("access.manage", chart_access_page, "Charts and proxies", "chart-access", HOUSE),
        Offer("access.manage", roles_page, "Roles", "roles", HOUSE),
        Offer("disclosure.manage", disclosures_page, "Disclosures", "disclosures", HOUSE),
    ]
    first = next((place for role, place in FIRST_PAGES.items() if role in session.me.roles), "today")
    at_hand = {path for role in session.me.roles for path in AT_HAND.get(role, ())}
    placed = [offer._replace(heading=DAY) if offer.path in at_hand else offer for offer in found]
    return sorted(placed, key=lambda offer: offer.path != first)
