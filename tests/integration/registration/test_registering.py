"""Searching before creating: who is there already is shown, and two clerks at once make one record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from data_contracts.api.registration import AnotherPerson, NewPatient
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden, InvalidResource
from tests.integration.chart_records import body_of, put_patient

NEW = NewPatient(family="Whitlock", given="Jada", birth_date="1990-06-01", sex="female", phone="716 555 0111")


def graded(client, **person):
    found = client.registration.likely_duplicates(NewPatient(**person)).candidates
    return [(candidate.hit.patient_id, candidate.grade) for candidate in found]


def test_who_is_there_already_is_found_by_name_sound_nickname_birth_date_and_phone(api, desk, ana):
    put_patient(api, "bill", "Hill", "William", "1950-02-11", gender="male")
    put_patient(api, "namesake", "Reyes", "Ana", "1999-09-09")
    put_patient(api, "undated", "Reyes", "Anna", None)
    born = {"birth_date": "1972-03-14"}
    assert graded(desk, family="Reyes", given="Ana", phone="716-555-0142", **born) == [
        ("ana", "certain"),
        ("undated", "possible"),
        ("namesake", "certainly_not"),
    ]
    assert ("ana", "possible") in graded(desk, family="Reyes", given="Ana", birth_date="1972-03-41"[:7])
    assert ("ana", "possible") in graded(desk, family="Whitcombe", given="Ana", **born)
    assert ("ana", "possible") in graded(desk, family="Rayes", given="Annie", birth_date="1972-03-17")
    assert graded(desk, family="Hill", given="Bill", birth_date="1950-11-02") == [("bill", "possible")]
    assert graded(desk, family="Holloway", given="Beatrix", birth_date="1951-12-24") == []


def test_a_record_that_was_merged_away_is_found_as_the_one_that_survives_it(api, desk, ana):
    put_patient(
        api, "old-ana", "Reyna", "Anita", "1972-03-15",
        active=False, link=[{"other": {"reference": "Patient/ana"}, "type": "replaced-by"}],
    )  # fmt: skip
    found = desk.registration.likely_duplicates(
        NewPatient(family="Reyna", given="Anita", birth_date="1972-03-15")
    )
    (candidate,) = found.candidates
    assert (candidate.hit.patient_id, candidate.grade, candidate.earlier_record) == ("ana", "possible", True)


def test_a_new_patient_gets_a_record_number_of_the_site_and_can_be_found(api, desk, rows):
    made = desk.registration.register(NEW)
    banner = desk.registration.banner(made.patient_id)
    assert (banner.name.family, banner.birth_date, banner.mrn) == ("Whitlock", "1990-06-01", made.mrn)
    assert [hit.patient_id for hit in desk.registration.search(made.mrn).hits] == [made.patient_id]
    body = body_of(api, "Patient", made.patient_id)
    assert "address" not in body
    assert "communication" not in body, "what was not asked is not recorded"
    assert rows("SELECT patient_id FROM registration.mrn WHERE mrn = %s", made.mrn) == [
        {"patient_id": made.patient_id}
    ]
    (told,) = rows("SELECT * FROM audit.event WHERE act = 'patient_registered'")
    assert told["patient_id"] == made.patient_id
    assert "Whitlock" not in str(told)


def test_a_number_that_an_imported_patient_bears_is_passed_over(api, desk):
    first = desk.registration.register(NEW)
    number = int(first.mrn[1:])
    put_patient(
        api, "imported", "Other", "Oda", "1940-01-01",
        identifier=[{"system": "https://almoner.dev/fhir/NamingSystem/mrn", "value": f"M{number + 1}"}],
    )  # fmt: skip
    second = desk.registration.register(NewPatient(family="Tran", given="Kevin"))
    assert second.mrn == f"M{number + 2}"


def test_nobody_is_registered_past_a_record_that_was_not_looked_at(desk, ana, rows):
    person = NewPatient(family="Reyes", given="Ana", birth_date="1972-03-14")
    with pytest.raises(Conflict, match="have not looked at"):
        desk.registration.register(person)
    made = desk.registration.register(person, [AnotherPerson(patient_id="ana")])
    assert made.patient_id != "ana"
    (pair,) = rows("SELECT * FROM registration.not_the_same")
    assert {pair["one_id"], pair["other_id"]} == {"ana", made.patient_id}
    assert pair["by_name"] == "Desk"


def test_past_a_certain_one_only_with_a_reason(desk, ana):
    person = NewPatient(family="Reyes", given="Ana", birth_date="1972-03-14", phone="7165550142")
    with pytest.raises(BadRequest, match="almost certainly"):
        desk.registration.register(person, [AnotherPerson(patient_id="ana", reason=" ")])
    twin = AnotherPerson(patient_id="ana", reason="Twin sister of the same name, seen together")
    assert desk.registration.register(person, [twin]).mrn


def test_two_clerks_who_register_one_person_at_once_make_one_record(api, rows):
    clerks = [api.signed_in(f"desk{number}", "front_desk") for number in range(6)]
    spelled = ["Jada", "Jada", "Jayda", "Jada", "Jada M", "Jada"]

    def register(clerk, given):
        try:
            return clerk.registration.register(NEW.model_copy(update={"given": given})).patient_id
        except Conflict as told:
            return told.message

    with ThreadPoolExecutor(len(clerks)) as pool:
        answers = list(pool.map(register, clerks, spelled))
    made = rows("SELECT id FROM fhir.patient WHERE family_text LIKE '%%whitlock%%'")
    assert len(made) == 1
    assert sum("Somebody may have made it a moment ago" in answer for answer in answers) == 5


def test_many_clerks_at_once_never_share_a_record_number(api, rows):
    clerks = [api.signed_in(f"desk{number}", "front_desk") for number in range(4)]
    names = ["Abara", "Bennett", "Castillo", "Dhillon"]
    with ThreadPoolExecutor(len(clerks)) as pool:
        made = list(
            pool.map(
                lambda clerk, family: clerk.registration.register(NewPatient(family=family)), clerks, names
            )
        )
    assert len({registered.mrn for registered in made}) == 4


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"family": " ", "given": None}, "family"),
        ({"birth_date": "2027-01-01"}, "birth_date"),
        ({"birth_date": "1890-01-01"}, "birth_date"),
        ({"birth_date": "1990-02-30"}, "birth_date"),
        ({"birth_date": "01/02/90"}, "birth_date"),
        ({"phone": "12"}, "phone"),
        ({"email": "nobody"}, "email"),
        ({"state": "ZZ"}, "address.state"),
        ({"postal_code": "1420"}, "address.postal_code"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_field(desk, wrong, field):
    with pytest.raises(InvalidResource) as refused:
        desk.registration.register(NEW.model_copy(update=wrong))
    assert [issue.expression for issue in refused.value.issues] == [field]
    assert refused.value.issues[0].message.endswith(".")


def test_everything_that_is_wrong_is_said_at_once(desk):
    with pytest.raises(InvalidResource) as refused:
        desk.registration.likely_duplicates(NewPatient(family="X", phone="1", email="y", state="QQ"))
    assert len(refused.value.issues) == 3


def test_who_may_not_register_is_refused(api):
    for role in ("analyst", "pharmacist"):
        client = api.signed_in(role, role)
        with pytest.raises(Forbidden):
            client.registration.register(NEW)
        with pytest.raises(Forbidden):
            client.registration.likely_duplicates(NEW)
