"""An administrator at the audit page."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from dashboards.admin.audit import PAGE_SIZE
from tests.lib.browser import Person


def looks_at_who_was_at(admin: Person, patient_id: str) -> None:
    admin.opens(f"audit?patient={patient_id}")
    admin.page.get_by_role("region", name="Audit entries").wait_for()


def everything_in_the_audit(admin: Person) -> list[str]:
    """The entries of all pages, as they read."""
    counted = admin.page.get_by_text(re.compile(r"^[\d,]+ entries from"))
    total = int(counted.inner_text().split(" ")[0].replace(",", ""))
    found = _entries(admin)
    for number in range(2, -(-total // PAGE_SIZE) + 1):
        admin.page.get_by_role("button", name=re.compile(rf"^(Page )?{number}$")).first.click()
        expect(counted).to_contain_text(f"{(number - 1) * PAGE_SIZE + 1:,} to")
        admin.settled()
        found += _entries(admin)
    return found


def _entries(admin: Person) -> list[str]:
    return admin.page.get_by_role("region", name="Audit entries").get_by_role("row").all_inner_texts()
