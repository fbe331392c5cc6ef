"""The front desk's pages over the real API: what is typed is not lost, and nobody acts on what was not seen."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from data_contracts.api.demographics import SaveDemographics
from data_contracts.api.merging import MergePatients
from data_contracts.api.registration import NewPatient
from tests.integration.chart_records import put_observation, put_patient
from tests.lib import app_pages
from tests.lib.app_pages import field, press, session_of, shown


def a_dialog(session, module, name, profile, form) -> None:
    """A dialog as it stands open: a test runs the whole page again at each act."""
    import importlib

    getattr(importlib.import_module(f"dashboards.front_desk.{module}"), name)(session, profile, form)


def opened(client, name, **query) -> AppTest:
    module = f"dashboards.front_desk.{name}"
    return app_pages.opened(session_of(client), module, f"{name}_page", **query)


LOOK = "First look for the person: name, birth date, MRN or phone"


def test_searching_comes_first_and_what_was_looked_for_stands_in_the_form(desk, ana):
    page = opened(desk, "register")
    assert not page.button, "nobody is registered before anybody was looked for"
    field(page, LOOK).input("Whitlock, Jada 06/01/1990 716-555-0111").run(timeout=60)
    assert "Nobody like this is there" in shown(page)
    press(page, "None of these: register a new patient")
    typed = [field(page, label).value for label in ("Family name", "First name", "Birth date", "Phone")]
    assert typed == ["Whitlock", "Jada", "1990-06-01", "716-555-0111"]
    press(page, "Register")
    assert not page.exception
    _, query = page.session_state["went"]
    banner = desk.registration.banner(query["patient"])
    assert (banner.name.family, banner.birth_date) == ("Whitlock", "1990-06-01")
    assert banner.mrn in page.session_state["told"]


def test_who_may_be_there_is_looked_at_one_by_one_before_a_second_record_is_made(api, desk, ana):
    put_patient(api, "namesake", "Reyes", "Ana", "1999-09-09")
    page = opened(desk, "register")
    field(page, LOOK).input("zzzz").run(timeout=60)
    press(page, "None of these: register a new patient")
    field(page, "Family name").input("Reyes")
    field(page, "First name").input("Ana")
    field(page, "Birth date").input("03/14/1972")
    field(page, "Phone").input("716 555 0142")
    press(page, "Register")
    assert "Certainly the same person" in shown(page)
    assert "certainly somebody else" in page.expander[0].label
    confirm = next(button for button in page.button if button.label == "Register as a new patient")
    assert confirm.disabled
    next(box for box in page.checkbox if box.label == "Another person").check().run(timeout=60)
    assert next(b for b in page.button if b.label == "Register as a new patient").disabled, (
        "a certain one wants a reason"
    )
    field(page, "Why it is another person, although everything agrees").input("Twin of the same name").run(
        timeout=60
    )
    assert field(page, "Family name").value == "Reyes"
    press(page, "Register as a new patient")
    assert page.session_state["went"][1]["patient"] not in ("ana", "namesake")


def test_the_second_clerk_is_told_and_keeps_what_was_typed(api, desk):
    page = opened(desk, "register")
    field(page, LOOK).input("zzzz").run(timeout=60)
    press(page, "None of these: register a new patient")
    field(page, "Family name").input("Whitlock")
    field(page, "First name").input("Jada")
    field(page, "Birth date").input("1990-06-01").run(timeout=60)
    api.signed_in("robin", "front_desk").registration.register(
        NewPatient(family="Whitlock", given="Jada", birth_date="1990-06-01")
    )
    press(page, "Register")
    assert "Somebody like this is there already" in shown(page)
    assert field(page, "First name").value == "Jada"


def test_what_cannot_be_right_is_said_and_nothing_typed_is_lost(desk):
    page = opened(desk, "register")
    field(page, LOOK).input("zzzz").run(timeout=60)
    press(page, "None of these: register a new patient")
    field(page, "Family name").input("Whitlock")
    field(page, "Birth date").input("2031-01-01")
    field(page, "Phone").input("12")
    press(page, "Register")
    assert "future" in page.error[0].value
    assert "7 to 15 digits" in page.error[0].value
    assert field(page, "Family name").value == "Whitlock"


def test_the_profile_shows_every_part_and_says_what_is_not_recorded(desk, ana):
    page = opened(desk, "profile", patient="ana")
    assert not page.exception
    for words in (
        "REYES, Ana",
        "No coverage is recorded",
        "No care team is recorded",
        "Not asked",
        "not recorded",
    ):
        assert words in shown(page)
    assert "No patient is chosen" in shown(opened(desk, "profile"))


def dialog(client, module, name, patient_id, form="form") -> AppTest:
    profile = client.profile.read(patient_id)
    return AppTest.from_function(a_dialog, args=(session_of(client), module, name, profile, form)).run(
        timeout=60
    )


def test_a_dialog_repeats_who_it_is_about_and_saves(desk, ana):
    page = dialog(desk, "identity_forms", "identity_dialog", "ana")
    assert "**REYES, Ana**, born 14-Mar-1972, MRN M-ANA" in shown(page)
    field(page, "Birth date").input("03/15/1972")
    press(page, "Save")
    assert desk.profile.read("ana").facts.birth_date == "1972-03-15"


def test_the_second_editor_sees_the_difference_and_saves_over_it_without_losing_theirs(api, desk, ana):
    page = dialog(desk, "identity_forms", "identity_dialog", "ana")
    other = api.signed_in("robin", "front_desk")
    drawn = other.profile.read("ana")
    theirs = drawn.facts.model_copy(update={"birth_date": "1972-03-16", "pharmacy": "Elm Pharmacy"})
    other.profile.save_demographics("ana", SaveDemographics(version_id=drawn.version_id, facts=theirs))
    field(page, "Birth date").input("1972-03-15")
    press(page, "Save")
    assert "Robin saved this record" in page.warning[0].value
    assert "14-Mar-1972 → 16-Mar-1972" in shown(page)
    assert field(page, "Birth date").value == "1972-03-15", "what was typed is not lost"
    assert desk.profile.read("ana").facts.birth_date == "1972-03-16", "and nothing was saved over it unseen"
    press(page, "Save over it")
    kept = desk.profile.read("ana").facts
    assert (kept.birth_date, kept.pharmacy) == ("1972-03-15", "Elm Pharmacy")


def test_a_refused_form_says_the_field_and_stays(desk, ana):
    page = dialog(desk, "contact_forms", "reach_dialog", "ana")
    press(page, "Add number")
    field(page, "Number or address 2").input("12")
    press(page, "Save")
    assert "telecom[1].value: A phone number has 7 to 15 digits" in page.error[0].value
    assert field(page, "Number or address 2").value == "12"
    next(box for box in page.checkbox if box.label == "Remove number 1").check().run(timeout=60)
    field(page, "Number or address 2").input("716-555-0177")
    press(page, "Save")
    assert [item.value for item in desk.profile.read("ana").facts.telecom] == ["716-555-0177"]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("identity_forms", "names_dialog"),
        ("identity_forms", "heritage_dialog"),
        ("contact_forms", "contacts_dialog"),
        ("circle_forms", "team_dialog"),
        ("picture_forms", "photo_dialog"),
    ],
)
def test_a_dialog_that_is_saved_untouched_changes_nothing(desk, ana, module, name):
    before = desk.profile.read("ana")
    page = dialog(desk, module, name, "ana")
    assert not page.exception
    if name not in ("photo_dialog", "team_dialog"):
        press(page, "Save")
        assert not page.exception
        assert not page.error
    assert desk.profile.read("ana").version_id == before.version_id


def test_a_merge_is_compared_confirmed_with_both_identities_and_taken_back(api, desk):
    put_patient(api, "jonathan", "Petersen", "Jonathan", "1970-05-01", gender="male")
    put_patient(api, "jon", "Petersen", "Jon", "1970-05-01", gender="male")
    put_observation(api, "a1c", "jon")
    page = opened(desk, "duplicates")
    assert "Possibly the same person" in shown(page)
    assert "No records have been merged here" in shown(page)
    press(page, "Compare")
    assert not page.exception
    assert "1 results and vital signs" in shown(page)
    press(page, "Let the other record survive")
    press(page, "Merge these two records")
    told = shown(page)
    assert "**PETERSEN, Jonathan**, born 01-May-1970, MRN M-JONATHAN" in told
    assert "**PETERSEN, Jon**, born 01-May-1970, MRN M-JON" in told
    assert next(button for button in page.button if button.label == "Merge").disabled


def test_merges_are_listed_and_facts_added_since_can_be_assigned(api, desk):
    put_patient(api, "jonathan", "Petersen", "Jonathan", "1970-05-01")
    put_patient(api, "jon", "Petersen", "Jon", "1970-05-01")
    preview = desk.merges.preview("jonathan", "jon")
    desk.merges.merge(
        MergePatients(
            survivor_id="jonathan", survivor_version=preview.survivor.version_id, other_id="jon",
            other_version=preview.other.version_id, reason="One man", same_person=True,
        )
    )  # fmt: skip
    page = opened(desk, "duplicates")
    assert "No two records look like one person's" in shown(page)
    assert "One man" in shown(page)
    press(page, "Take back")
    assert "Nothing was added since." in shown(page)
    profile = opened(desk, "profile", patient="jon")
    assert "merged into another one" in shown(profile)
    assert not [button for button in profile.button if button.label == "Change"]


def test_who_may_not_change_a_profile_sees_no_button_that_does(api, ana):
    reader = api.signed_in("pat", "pharmacist")
    page = opened(reader, "profile", patient="ana")
    assert {button.label for button in page.button} <= {"Open chart"}
