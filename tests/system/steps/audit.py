"""An administrator at the audit page."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.lib.browser import Person


def looks_at_who_was_at(admin: Person, patient_id: str) -> None:
    admin.opens(f"audit?patient={patient_id}")
    admin.page.get_by_role("region", name="Audit entries").wait_for()


def narrows_to(admin: Person, name: str) -> None:
    admin.chooses("Person", name)


def sees_in_the_audit(admin: Person, who: str, did: str) -> None:
    entries = admin.page.get_by_role("region", name="Audit entries").get_by_role("row")
    expect(entries.filter(has_text=who).filter(has_text=did).first).to_be_visible()
