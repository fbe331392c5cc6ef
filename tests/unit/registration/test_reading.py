"""Which name, number, language and age counts when a record holds several or none."""

from __future__ import annotations

from datetime import date

import pytest

from data_contracts.api.patients import PatientName
from ehr_core.kernel.errors import BadRequest
from ehr_core.registration.ages import age_years
from ehr_core.registration.query_words import read_query
from ehr_core.registration.reading import read_person
from ehr_core.registration.same_name import mistakable

TODAY = date(2026, 11, 22)
MRN = "https://almoner.dev/fhir/NamingSystem/mrn"
MR = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}


def person(**patient):
    return read_person({"id": "p", **patient}, date(2026, 11, 20))


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([], PatientName()),
        ([{"family": "Reyes", "given": ["Ana", "María"]}], PatientName(family="Reyes", given="Ana María")),
        (
            [{"use": "maiden", "family": "Cruz"}, {"use": "official", "family": "Reyes", "prefix": ["Dr"]}],
            PatientName(family="Reyes", prefix="Dr"),
        ),
        (
            [
                {"use": "official", "family": "Ek", "period": {"end": "2020"}},
                {"use": "usual", "family": "Alm"},
            ],
            PatientName(family="Alm"),
        ),
        (
            [{"use": "official", "family": "Yu", "given": ["Robert"]}, {"use": "usual", "given": ["Bob"]}],
            PatientName(family="Yu", given="Robert", used="Bob"),
        ),
        (
            [{"use": "official", "family": "Yu", "given": ["Bo"]}, {"use": "nickname", "given": ["Bo"]}],
            PatientName(family="Yu", given="Bo"),
        ),
        ([{"text": "Sister Agnes"}], PatientName(family="Sister Agnes")),
    ],
)
def test_the_present_official_name_counts_and_the_name_in_use_stands_beside_it(names, shown):
    assert person(name=names).name == shown


@pytest.mark.parametrize(
    ("identifiers", "mrn"),
    [
        ([], None),
        ([{"system": MRN, "value": "M1"}], "M1"),
        ([{"type": MR, "value": "X9"}, {"system": MRN, "value": "M1"}], "M1"),
        ([{"type": MR, "value": "X9"}], "X9"),
        ([{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "999-00-0000"}], None),
        ([{"system": MRN, "value": "M0", "use": "old"}, {"system": MRN, "value": "M1"}], "M1"),
    ],
)
def test_a_record_number_is_this_sites_and_never_another_kind_of_number(identifiers, mrn):
    assert person(identifier=identifiers).mrn == mrn


@pytest.mark.parametrize(
    ("telecom", "phone"),
    [
        ([], None),
        ([{"system": "email", "value": "a@example.org"}], None),
        (
            [
                {"system": "phone", "value": "7165550101", "use": "home"},
                {"system": "phone", "value": "7165550102", "use": "mobile"},
            ],
            "(716) 555-0102",
        ),
        (
            [
                {"system": "phone", "value": "7165550101", "rank": 1},
                {"system": "phone", "value": "7165550102", "use": "mobile"},
            ],
            "(716) 555-0101",
        ),
        ([{"system": "phone", "value": "7165550101", "use": "old"}], None),
    ],
)
def test_the_phone_is_the_ranked_or_mobile_one_and_never_an_old_one(telecom, phone):
    assert person(telecom=telecom).phone == phone


def speaks(code=None, text=None, preferred=None):
    coding = [{"system": "urn:ietf:bcp:47", "code": code}] if code else []
    return {"language": {"coding": coding, "text": text}, "preferred": preferred}


@pytest.mark.parametrize(
    ("communication", "language"),
    [
        ([], None),
        ([speaks("es")], "Spanish"),
        ([speaks("en"), speaks("so", preferred=True)], "Somali"),
        ([speaks("en"), speaks("so")], None),
        ([speaks(text="Quechua")], "Quechua"),
    ],
)
def test_the_language_is_the_preferred_one_and_not_guessed_from_several(communication, language):
    assert person(communication=communication).language == language


def test_what_is_not_recorded_stays_unknown_and_birth_sex_is_named_as_such():
    blank = person()
    assert (blank.sex, blank.interpreter_required, blank.pronouns, blank.clinician_id) == (None,) * 4
    assert (blank.active, blank.deceased, blank.replaced_by) == (True, False, None)
    birth_sex = [
        {"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex", "valueCode": "F"}
    ]
    assert person(extension=birth_sex).sex == "female (at birth)"
    assert person(extension=birth_sex, gender="male").sex == "male"


@pytest.mark.parametrize(
    ("born", "on", "age"),
    [
        ("1972-11-22", "2026-11-22", 54),
        ("1972-11-23", "2026-11-22", 53),
        ("2000-02-29", "2026-02-28", 25),
        ("2000-02-29", "2026-03-01", 26),
        ("1972", "2026-11-22", None),
        ("1972-11", "2026-11-22", None),
        ("1972-10", "2026-11-22", 54),
        ("1940-06-01", "2020-05-31T22:00:00-04:00", 79),
        ("1940-06-01", "2020", None),
        ("2026-11-22", "2026-11-22", 0),
        ("2027-01-01", "2026-11-22", None),
        (None, "2026-11-22", None),
        ("1972-11-22", None, None),
        ("about 1972", "2026-11-22", None),
    ],
)
def test_an_age_is_said_only_where_every_reading_of_the_dates_gives_the_same(born, on, age):
    assert age_years(born, on) == age


def meanings(query):
    tokens = read_query(query, today=TODAY).tokens
    facts = ("name_word", "identifier", "phone_digits", "birth_date", "birth_year")
    return [{fact: getattr(token, fact) for fact in facts if getattr(token, fact)} for token in tokens]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("García-López", [{"name_word": "garcia-lopez"}]),
        ("O'Neil, Bo.", [{"name_word": "o'neil"}, {"name_word": "bo"}]),
        ("M10000012", [{"identifier": "M10000012"}]),
        ("1972-03-14 Ana", [{"birth_date": date(1972, 3, 14)}, {"name_word": "ana"}]),
        ("3/4/1972", [{"birth_date": date(1972, 3, 4)}]),
        ("14.03.1972", [{"birth_date": date(1972, 3, 14)}]),
        ("14 March 1972", [{"birth_date": date(1972, 3, 14)}]),
        ("19720314", [{"identifier": "19720314", "birth_date": date(1972, 3, 14)}]),
        ("7165550142", [{"identifier": "7165550142", "phone_digits": "7165550142"}]),
        ("(716) 555-0142", [{"phone_digits": "7165550142"}]),
        ("+1 716.555.0142", [{"phone_digits": "7165550142"}]),
        ("1972", [{"identifier": "1972", "birth_year": 1972}]),
        ("2027", [{"identifier": "2027"}]),
        ("Marion 1972", [{"name_word": "marion"}, {"identifier": "1972", "birth_year": 1972}]),
    ],
)
def test_a_query_is_taken_apart_into_what_each_word_may_mean(query, expected):
    assert meanings(query) == expected


@pytest.mark.parametrize("query", ["", " ", "a", "-", "1972-13-01", "02/30/1972", "30 Feb 1972", "x" * 201])
def test_a_query_of_nothing_too_much_or_no_such_date_is_refused(query):
    with pytest.raises(BadRequest):
        read_query(query, today=TODAY)


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        (("Petersen", "Jon"), ("Petersen", "Jonathan"), True),
        (("Petersen", "Karen"), ("Pedersen", "Karen"), True),
        (("García", "María"), ("Garcia", "Maria"), True),
        (("Garcia", "Maria"), ("Gracia", "Marie"), True),
        (("Reyes", "Ana"), ("Reyes", None), True),
        (("Reyes", "Ana"), ("Reyes", "Luis"), False),
        (("Kim", "Grace"), ("King", "Grace"), False),
        (("Reyes", "Ana"), (None, "Ana"), False),
    ],
)
def test_names_that_could_be_mistaken_for_each_other_warn_of_each_other(first, second, alike):
    names = {
        key: PatientName(family=family, given=given)
        for key, (family, given) in {"one": first, "two": second, "far": ("Zielinski", "Albert")}.items()
    }
    assert mistakable(names) == ({"one", "two"} if alike else set())
