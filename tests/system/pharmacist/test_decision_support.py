"""A pharmacist sees what each rule does, and retires one with a reason."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.lib.browser import Room

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_the_owner_of_decision_support_sees_the_rates(room: Room):
    pharmacist = room.sign_in("pharmacist")
    pharmacist.goes_to("Decision support")
    expect(pharmacist.page.get_by_role("heading", name="Decision support")).to_be_visible()
    expect(pharmacist.page.get_by_text("prescriptions and orders were checked")).to_be_visible()
