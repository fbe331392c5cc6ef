"""A pharmacist at the figures of decision support."""

from __future__ import annotations

from playwright.sync_api import Locator

from tests.lib.browser import Person


def row_of(pharmacist: Person, rule_id: str) -> Locator:
    """The line of one rule: severity, tier, shown, interrupted, accepted, overridden, not checkable, decided."""
    return pharmacist.page.get_by_role("row").filter(has_text=rule_id)


def overridden(pharmacist: Person, rule_id: str) -> str:
    """How often it was overridden, as the page says it."""
    return row_of(pharmacist, rule_id).get_by_role("cell").nth(6).inner_text()
