"""Pairs of records and whether they are one person's: what a clerk must be told before a second record is made."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from ehr_core.registration.matching.comparing import near_dates
from ehr_core.registration.matching.grading import judge
from ehr_core.registration.matching.identity import Identity, identity_of
from ehr_core.registration.matching.nicknames import one_persons, other_forms
from ehr_core.registration.matching.numbers import Number, numbers

PHONE, OTHER_PHONE = "716-555-0142", "716-555-0199"
HOME = "12 Elm Street, Apt 3 / 14201"


def person(
    family: str | None = "Reyes",
    given: str = "Ana",
    born: str | None = "1972-03-14",
    sex: str | None = "female",
    *,
    phone: str | None = None,
    home: str | None = None,
    email: str | None = None,
    suffix: str | None = None,
    also: tuple[str, str] | None = None,
    mrn: str | None = None,
    birth_order: int | None = None,
) -> Identity:
    """One person; None is not recorded. `also` is an earlier (family, given) name."""
    names = [{"family": family, "given": given.split(), **({"suffix": [suffix]} if suffix else {})}]
    if also:
        names.append({"use": "old", "family": also[0], "given": also[1].split()})
    telecom = [{"system": "phone", "value": phone}] if phone else []
    telecom += [{"system": "email", "value": email}] if email else []
    street, _, postal_code = (home or "").partition(" / ")
    return identity_of(
        {
            "name": names,
            "birthDate": born,
            "gender": sex,
            "telecom": telecom,
            "address": [{"line": [street], "postalCode": postal_code}] if home else [],
            "identifier": [{"system": "urn:mrn", "value": mrn}] if mrn else [],
            "multipleBirthInteger": birth_order,
        }
    )


CERTAIN, POSSIBLE, NOT = "certain", "possible", "certainly_not"

PAIRS = {
    # what happened: (one, other, grade)
    "everything the same": (person(phone=PHONE), person(phone=PHONE), CERTAIN),
    "same name and birth date, nothing more": (person(), person(), POSSIBLE),
    "the address instead of the phone": (person(home=HOME), person(home="12 elm st / 14201-2207"), CERTAIN),
    "the e-mail instead of the phone": (person(email="ana@x.org"), person(email="ANA@x.org"), CERTAIN),
    "a middle name as well": (person(given="Ana Lucia"), person(given="Ana Lucia"), CERTAIN),
    "the middle initial only": (person(given="Ana L"), person(given="Ana Lucia", phone=PHONE), POSSIBLE),
    "another middle name": (person(given="Ana Lucia"), person(given="Ana Maria"), POSSIBLE),
    "a phone written otherwise": (person(phone="+1 (716) 555 0142"), person(phone="7165550142"), CERTAIN),
    "another phone says nothing": (person(phone=PHONE), person(phone=OTHER_PHONE), POSSIBLE),
    # names
    "accents left out": (person("Núñez", "José", phone=PHONE), person("Nunez", "Jose", phone=PHONE), CERTAIN),
    "a letter that has no accent to take off": (
        person("Sørensen", "Søren", sex="male", phone=PHONE),
        person("Sorensen", "Soren", sex="male", phone=PHONE),
        CERTAIN,
    ),
    "a nickname": (person("Hill", "William", phone=PHONE), person("Hill", "Bill", phone=PHONE), CERTAIN),
    "a nickname without a phone": (person("Hill", "William"), person("Hill", "Bill"), POSSIBLE),
    "two nicknames of one name": (person("Hill", "Peggy"), person("Hill", "Meg"), POSSIBLE),
    "a Spanish nickname": (person("Cruz", "Francisco"), person("Cruz", "Paco"), POSSIBLE),
    "a short form that no list has": (person("Hill", "Oluwaseun"), person("Hill", "Olu"), POSSIBLE),
    "a name that sounds the same": (
        person("Smith", "Catherine", phone=PHONE),
        person("Smyth", "Kathryn", phone=PHONE),
        POSSIBLE,
    ),
    "two letters turned round": (person("Garcia", phone=PHONE), person("Gracia", phone=PHONE), CERTAIN),
    "one letter otherwise": (person("Petersen"), person("Pedersen"), POSSIBLE),
    "half of a hyphenated name": (person("García-López"), person("García"), POSSIBLE),
    "half of a hyphenated name and the phone": (
        person("García-López", phone=PHONE),
        person("Lopez", phone=PHONE),
        CERTAIN,
    ),
    "the hyphen as a blank": (
        person("García-López", phone=PHONE),
        person("Garcia Lopez", phone=PHONE),
        CERTAIN,
    ),
    "an apostrophe": (person("O'Brien", phone=PHONE), person("OBrien", phone=PHONE), CERTAIN),
    "a particle": (person("de la Cruz", phone=PHONE), person("Cruz", phone=PHONE), CERTAIN),
    "first and family name turned round": (
        person("Nguyen", "Minh", phone=PHONE),
        person("Minh", "Nguyen", phone=PHONE),
        POSSIBLE,
    ),
    "called by the middle name": (person(given="Maria Elena"), person(given="Elena"), POSSIBLE),
    "a changed surname": (person("Reyes"), person("Whitcombe"), POSSIBLE),
    "a changed surname with the maiden name recorded": (
        person("Whitcombe", also=("Reyes", "Ana"), phone=PHONE),
        person("Reyes", phone=PHONE),
        CERTAIN,
    ),
    "no first name": (person(given=""), person(), POSSIBLE),
    "no family name": (person(None), person(), POSSIBLE),
    "a newborn without a name yet": (
        person("Reyes", "Baby Girl", "2026-11-01", phone=PHONE, home=HOME),
        person("Reyes", "Mia", "2026-11-01", phone=PHONE, home=HOME),
        POSSIBLE,
    ),
    "a short name with another letter": (person("Kim", "Ana"), person("Kin", "Eva", "1980-01-01"), NOT),
    # birth dates
    "day and month swapped": (person(born="1972-03-04"), person(born="1972-04-03"), POSSIBLE),
    "day and month swapped and the phone": (
        person(born="1972-03-04", phone=PHONE),
        person(born="1972-04-03", phone=PHONE),
        POSSIBLE,
    ),
    "one digit otherwise": (person(born="1972-03-14"), person(born="1972-03-17"), POSSIBLE),
    "two digits turned round": (person(born="1972-03-14"), person(born="1927-03-14"), POSSIBLE),
    "only the year is known": (person(born="1972"), person(born="1972-03-14"), POSSIBLE),
    "another year is known": (person(born="1971"), person(born="1972-03-14"), NOT),
    "no birth date on one side": (person(born=None), person(), POSSIBLE),
    "no birth date and the phone": (person(born=None, phone=PHONE), person(phone=PHONE), POSSIBLE),
    "no birth date on either side": (person(born=None), person(born=None), POSSIBLE),
    "no birth date and another first name": (person(born=None), person(given="Rosa"), NOT),
    "two women of one name": (
        person("Garcia", "Maria", "1962-08-01"),
        person("Garcia", "Maria", "1985-09-17"),
        NOT,
    ),
    "two people of one name under one roof": (
        person("Garcia", "Maria", "1962-08-01", phone=PHONE, home=HOME),
        person("Garcia", "Maria", "1985-09-17", phone=PHONE, home=HOME),
        NOT,
    ),
    # families
    "father and son, Sr. and Jr.": (
        person("Finch", "Harold", "1950-02-11", "male", suffix="Sr.", phone=PHONE, home=HOME),
        person("Finch", "Harold", "1981-07-30", "male", suffix="Jr.", phone=PHONE, home=HOME),
        NOT,
    ),
    "father and son without a birth date": (
        person("Finch", "Harold", None, "male", suffix="Sr.", phone=PHONE),
        person("Finch", "Harold", "1981-07-30", "male", suffix="Jr.", phone=PHONE),
        NOT,
    ),
    "Jr. written into the family name": (
        person("Finch Jr", "Harold", "1981-07-30", "male", phone=PHONE),
        person("Finch", "Harold", "1981-07-30", "male", suffix="Jr.", phone=PHONE),
        CERTAIN,
    ),
    "the suffix on one side only": (
        person("Finch", "Harold", "1981-07-30", "male", suffix="III", phone=PHONE),
        person("Finch", "Harold", "1981-07-30", "male", phone=PHONE),
        CERTAIN,
    ),
    "twins, both girls, one phone": (
        person("Kim", "Grace", "2015-05-05", phone=PHONE, home=HOME),
        person("Kim", "Hana", "2015-05-05", phone=PHONE, home=HOME),
        POSSIBLE,
    ),
    "twins with their order of birth": (
        person("Kim", "Grace", "2015-05-05", phone=PHONE, home=HOME, birth_order=1),
        person("Kim", "Hana", "2015-05-05", phone=PHONE, home=HOME, birth_order=2),
        NOT,
    ),
    "twins of whom neither has a name yet": (
        person("Kim", "Baby Girl", "2015-05-05", phone=PHONE, birth_order=1),
        person("Kim", "Baby Girl", "2015-05-05", phone=PHONE, birth_order=2),
        NOT,
    ),
    "twins, a girl and a boy": (
        person("Kim", "Grace", "2015-05-05", "female", phone=PHONE, home=HOME),
        person("Kim", "Daniel", "2015-05-05", "male", phone=PHONE, home=HOME),
        NOT,
    ),
    "brothers and sisters": (
        person("Kim", "Grace", "2015-05-05", phone=PHONE, home=HOME),
        person("Kim", "Hana", "2017-09-21", phone=PHONE, home=HOME),
        NOT,
    ),
    "husband and wife": (
        person("Hill", "Ana", phone=PHONE, home=HOME),
        person("Hill", "Marcus", "1970-11-02", "male", phone=PHONE, home=HOME),
        NOT,
    ),
    # sex and numbers
    "another sex recorded": (person(phone=PHONE), person(sex="male", phone=PHONE), POSSIBLE),
    "sex not known on one side": (person(sex="unknown", phone=PHONE), person(phone=PHONE), CERTAIN),
    "one record number": (person(mrn="M1"), person("Whitcombe", mrn="M1"), CERTAIN),
    "two record numbers say nothing": (person(mrn="M1", phone=PHONE), person(mrn="M2", phone=PHONE), CERTAIN),
    "strangers": (person(), person("Holloway", "Beatrix", "1951-12-24"), NOT),
    "strangers with one birth date": (person(), person("Holloway", "Beatrix"), NOT),
    "neighbours": (
        person(home="12 Elm St / 14201"),
        person("Hill", "Ana", home="14 Elm St / 14201"),
        POSSIBLE,
    ),
    "nothing recorded": (Identity(), Identity(), NOT),
}


def test_there_are_pairs_enough():
    assert len(PAIRS) >= 40


@pytest.mark.parametrize("story", PAIRS)
def test_two_records_are_graded(story):
    one, other, grade = PAIRS[story]
    there, back = judge(one, other), judge(other, one)
    assert there.grade == grade, (there.points, there.reasons)
    assert (back.grade, back.points) == (there.grade, there.points)


def test_the_reasons_say_what_agrees_before_what_differs():
    one, other, _ = PAIRS["twins, both girls, one phone"]
    assert judge(one, other).reasons == (
        "Same family name",
        "Same birth date",
        "Same sex",
        "Same phone number",
        "Same address",
        "Another first name",
        "Perhaps twins: only the first name differs",
    )


def test_reasons_hold_no_value_of_the_record():
    for one, other, _ in PAIRS.values():
        said = " ".join(judge(one, other).reasons).lower()
        assert not any(value in said for value in ("reyes", "ana lucia", "1972", "555", "elm"))


def test_alex_is_both_but_alexander_is_not_alexandra():
    assert one_persons("alex", "alexander")
    assert one_persons("alex", "alexandra")
    assert not one_persons("alexander", "alexandra")
    assert not one_persons("zzz", "zzz")
    assert {"william", "will", "guillermo"} <= other_forms("bill")
    assert "bill" not in other_forms("bill")


def test_a_slip_of_the_fingers_is_among_the_dates_that_are_looked_up():
    near = set(near_dates(date(1972, 3, 4)))
    assert {date(1972, 3, 4), date(1972, 4, 3), date(1927, 3, 4), date(1972, 3, 14), date(1982, 3, 4)} <= near
    assert date(1973, 4, 4) not in near


def test_every_number_has_a_meaning_and_a_range_that_it_lies_in():
    read = numbers()
    assert read.possible.value < read.certain.value
    assert {"family", "given", "birth_date", "sex", "phone"} <= set(read.points)
    with pytest.raises(ValidationError, match="between"):
        Number(value=2, lowest=0, highest=1, means="A number that lies outside its range")
