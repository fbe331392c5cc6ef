"""A care manager works the list: views that can be kept, ticks that stay with their people, calls that are logged."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from data_contracts.api.care_gaps import CLINICAL_EXCLUSION_REASONS, EXCLUSION_REASON_WORDS
from tests.lib.browser import Room
from tests.system.steps import worklist

CERVIX = "Cervical cancer screening"

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_filters_stand_in_the_address_and_survive_a_reload_but_a_name_does_not(room: Room):
    sam = room.sign_in("care_manager")
    everybody = worklist.patients_counted(sam)
    sam.chooses("Care gap", "Colorectal cancer screening")
    sam.chooses("Language", "Spanish")
    expect(worklist.summary(sam)).not_to_contain_text(f"{everybody} patients")
    filtered = worklist.patients_counted(sam)
    worklist.finds_by_name(sam, "Cabrera")
    expect(worklist.summary(sam)).to_contain_text(re.compile("^1 patients"))
    assert "cabrera" not in sam.page.url.lower()

    sam.page.reload()
    expect(worklist.summary(sam)).to_contain_text(re.compile(f"^{filtered} patients"))
    expect(sam.page.get_by_role("combobox", name="Care gap")).to_have_value("Colorectal cancer screening")
    expect(sam.page.get_by_role("combobox", name="Language")).to_have_value("Spanish")
    for row in worklist.rows(sam).all_inner_texts():
        assert "Colorectal cancer screening" in row
        assert "Spanish" in row


def test_the_assign_dialog_names_exactly_who_is_ticked_on_every_page(room: Room):
    sam = room.sign_in("care_manager")
    sam.chooses("Sort by", "Name")
    first_page = worklist.names(sam)
    ticked = [worklist.ticks(sam, worklist.rows(sam).nth(place)) for place in (1, 4)]
    assert worklist.named_in_the_assign_dialog(sam) == ticked

    worklist.turns_to_page(sam, 2)
    assert not set(worklist.names(sam)) & set(first_page), "a person stands on one page only"
    expect(worklist.rows(sam).get_by_role("checkbox", checked=True)).to_have_count(0)
    ticked = [worklist.ticks(sam, worklist.rows(sam).nth(place)) for place in (0, 2)]
    assert worklist.named_in_the_assign_dialog(sam) == ticked


def test_ticks_stay_with_their_people_when_the_order_changes(room: Room):
    sam = room.sign_in("care_manager")
    sam.chooses("Sort by", "Name")
    picked = [worklist.rows(sam).nth(place) for place in (0, 2)]
    numbers = {worklist.record_number(row) for row in picked}
    for row in picked:
        worklist.ticks(sam, row)
    sam.chooses("Sort by", "Priority")
    expect(worklist.row(sam, "Garcia").first).to_be_visible()
    ticked = worklist.rows(sam).filter(has=sam.page.get_by_role("checkbox", checked=True)).all()
    here = {worklist.record_number(row) for row in worklist.rows(sam).all()}
    assert {worklist.record_number(row) for row in ticked} == numbers & here


def test_patients_are_assigned_and_a_call_is_logged_for_what_was_talked_about(room: Room):
    sam = room.sign_in("care_manager")
    worklist.finds_by_name(sam, "Okonjo")
    row = worklist.row(sam, "Okonjo")
    expect(row).to_contain_text("no contact yet")
    worklist.ticks(sam, row)
    worklist.opens_the_assign_dialog(sam)
    sam.presses(re.compile("^Assign 1"), sam.dialog)
    expect(sam.page.get_by_text(re.compile("1 patients with .* gaps assigned"))).to_be_visible()
    expect(row).to_contain_text("owner Sam Whitfield")

    gaps = worklist.titles(row)
    sam.presses("Log a call", row)
    expect(sam.dialog).to_contain_text("OKONJO, Denise")
    sam.chooses("Outcome", "left a message", sam.dialog)
    expect(sam.dialog.get_by_role("button", name="Save")).to_be_disabled()
    sam.dialog.get_by_text(gaps[0], exact=True).click()
    sam.settled()
    sam.presses("Save", sam.dialog)
    expect(sam.page.get_by_text("Contact logged.")).to_be_visible()
    sam.chooses("Status", "Outreach sent")
    expect(row).to_contain_text("left a message (1 in all)")
    expect(row.get_by_role("listitem").filter(has_text="Outreach sent")).to_have_count(1)
    expect(row.get_by_role("listitem").filter(has_text=gaps[0])).to_contain_text("Outreach sent")


def test_a_gap_is_excluded_with_a_reason_for_a_time_and_clinical_reasons_need_a_clinician(room: Room):
    sam = room.sign_in("care_manager")
    worklist.finds_by_name(sam, "Delgado")
    row = worklist.row(sam, "Delgado")
    worklist.sees_the_gap(sam, "Delgado", CERVIX, "Open")
    worklist.chooses_more(sam, row, "Exclude…")
    expect(sam.dialog).to_contain_text("DELGADO, Rosa")
    expect(sam.dialog).to_contain_text("Clinical reasons need a clinician.")
    if len(worklist.titles(row)) > 1:
        sam.chooses("Care gap", CERVIX, sam.dialog)
    clinical = {EXCLUSION_REASON_WORDS[reason] for reason in CLINICAL_EXCLUSION_REASONS}
    assert set(sam.options("Reason", sam.dialog)) == set(EXCLUSION_REASON_WORDS.values()) - clinical
    sam.page.get_by_role("option", name="Done elsewhere, record requested").click()
    sam.settled()
    sam.presses("Exclude", sam.dialog)
    expect(sam.page.get_by_text(re.compile(f"^{CERVIX}: excluded until"))).to_be_visible()
    worklist.does_not_see_the_gap(sam, "Delgado", CERVIX)
    sam.chooses("Status", "Excluded")
    worklist.sees_the_gap(sam, "Delgado", CERVIX, "Excluded")
    expect(worklist.summary(sam)).to_contain_text("gaps, status Excluded")


def test_a_page_behind_the_end_turns_to_the_last_one(room: Room):
    sam = room.sign_in("care_manager")
    sam.opens("worklist?page=99")
    expect(worklist.rows(sam).first).to_be_visible()
    expect(sam.page.get_by_text("Nobody matches")).to_have_count(0)
