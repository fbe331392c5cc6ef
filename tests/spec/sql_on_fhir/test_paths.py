"""FHIRPath in a view, our own table: a path, and what it gives for each of three people."""

from __future__ import annotations

import pytest

from ehr_core.kernel.errors import BadRequest
from tests.spec.sql_on_fhir.drawn import rows_of

ANNA = {
    "resourceType": "Patient",
    "id": "anna",
    "gender": "female",
    "active": True,
    "birthDate": "1950-02-03",
    "_birthDate": {"extension": [{"url": "time", "valueDateTime": "1950-02-03T04:05:06Z"}]},
    "deceasedDateTime": "2024-02-29T23:00:00-05:00",
    "multipleBirthInteger": 2,
    "name": [
        {"use": "usual", "given": ["An", "Na"]},
        {"use": "official", "family": "O'Hara", "given": ["Anna"]},
    ],
    "managingOrganization": {"reference": "Organization/clinic"},
    "generalPractitioner": [
        {"reference": "https://elsewhere.example/Practitioner/far"},
        {"reference": "Practitioner/p/_history/2"},
    ],
    "contained": [
        {"resourceType": "Organization", "id": "o", "name": "Inside"},
        {"resourceType": "Practitioner", "id": "q"},
    ],
}
BENO = {
    "resourceType": "Patient",
    "id": "beno",
    "active": False,
    "birthDate": "1950",
    "deceasedBoolean": False,
    "name": [{"given": [None, "Beno"]}],
}
CELA = {"resourceType": "Patient", "id": "cela"}
PEOPLE = [ANNA, BENO, CELA]

PATHS = [
    # lists
    ("name.given.first()", ["An", "Beno", None]),
    ("name.given.last()", ["Anna", "Beno", None]),
    ("name.given.count()", [3, 1, 0]),
    ("name.given[1]", ["Na", None, None]),
    ("name[1].given[0]", ["Anna", None, None]),
    ("name.where(use = 'official').family", ["O'Hara", None, None]),
    ("name.where(family = 'O\\'Hara').exists()", [True, False, False]),
    ("name.exists(use = 'usual')", [True, False, False]),
    ("name.given.join('-')", ["An-Na-Anna", "Beno", ""]),
    ("('b' | name.use | 'usual').count()", [3, 2, 2]),
    ("(name.family | 'nobody').first()", ["O'Hara", "nobody", "nobody"]),
    ("Patient.id", ["anna", "beno", "cela"]),
    ("{}", [None, None, None]),
    # membership and equality of lists
    ("'Na' in name.given", [True, False, False]),
    ("name.given contains gender", [False, None, None]),
    ("name.given = name.given", [True, True, None]),
    ("name.given != 'Beno'", [True, False, None]),
    # logic with what is empty
    ("active and gender = 'female'", [True, False, None]),
    ("active or gender = 'female'", [True, None, None]),
    ("active implies gender = 'male'", [False, True, None]),
    ("active xor true", [False, True, None]),
    ("active.not()", [False, True, None]),
    ("gender.empty() or gender = 'female'", [True, True, True]),
    ("true or false and false", [True, True, True]),
    # numbers
    ("1 + 2 * 3 - 4 / 8", [6.5, 6.5, 6.5]),
    ("-7 div 2 + 7 mod 4", [0, 0, 0]),
    ("multipleBirth.ofType(integer) + 1", [3, None, None]),
    ("multipleBirth.ofType(integer) * 0.5 >= 1.0", [True, None, None]),
    ("1 / 0", [None, None, None]),
    ("9223372036854775807 + 1", [None, None, None]),
    # dates compare as far as both are written
    ("birthDate < @1950-03", [True, None, None]),
    ("birthDate <= @1951-01-01", [True, True, None]),
    ("birthDate = @1950-02-03", [True, None, None]),
    ("deceased.ofType(dateTime) = @2024-03-01T04:00:00Z", [True, None, None]),
    ("deceased.ofType(dateTime) > @2024-03-01", [False, None, None]),
    ("birthDate.lowBoundary()", ["1950-02-03", "1950-01-01", None]),
    ("birthDate.highBoundary()", ["1950-02-03", "1950-12-31", None]),
    ("deceased.ofType(dateTime).highBoundary()", ["2024-02-29T23:00:00.999-05:00", None, None]),
    # texts
    ("gender & '!'", ["female!", "!", "!"]),
    ("gender + '!'", ["female!", None, None]),
    ("gender.substring(2, 3)", ["mal", None, None]),
    ("gender.substring(9)", [None, None, None]),
    ("gender.startsWith('fe') and gender.matches('^f.*e$')", [True, None, None]),
    # choices, references, extensions, what is contained
    ("deceased.exists()", [True, True, False]),
    ("deceased.ofType(boolean)", [None, False, None]),
    ("managingOrganization.getReferenceKey()", ["clinic", None, None]),
    ("managingOrganization.getReferenceKey(Patient)", [None, None, None]),
    ("generalPractitioner.getReferenceKey(Practitioner)", ["p", None, None]),
    ("birthDate.extension('time').value.ofType(dateTime).first()", ["1950-02-03T04:05:06Z", None, None]),
    ("contained.ofType(Organization).name", ["Inside", None, None]),
    ("contained.count()", [2, 0, 0]),
    # a constant of the view
    ("%wanted = gender", [True, None, None]),
]


def column(path, **elements):
    return {
        "resource": "Patient",
        "constant": [{"name": "wanted", "valueCode": "female"}],
        "select": [{"column": [{"name": "id", "path": "id"}, {"name": "got", "path": path, **elements}]}],
    }


@pytest.mark.parametrize(("path", "expected"), PATHS)
def test_a_path_gives(path, expected):
    found = {row["id"]: row["got"] for row in rows_of(column(path), PEOPLE)}
    assert [found[person["id"]] for person in PEOPLE] == expected


def test_a_list_is_a_column_where_the_view_says_so():
    rows = rows_of(column("name.given", collection=True), PEOPLE)
    assert [row["got"] for row in rows] == [["An", "Na", "Anna"], ["Beno"], []]


@pytest.mark.parametrize(
    "path", ["name.given", "name.given + 'x'", "name.where(given = 'x' and given).family"]
)
def test_two_values_where_one_is_meant_end_the_run_and_quote_nobody(path):
    with pytest.raises(BadRequest) as refusal:
        rows_of(column(path), PEOPLE)
    assert "Anna" not in str(refusal.value)


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("name.famly", "HumanName has no element 'famly' in FHIR R4"),
        ("gender.code", "'code' is asked of a text, which has no elements"),
        (
            "deceased",
            r"Patient.deceased may have several types \(Boolean, DateTime …\): choose one with ofType",
        ),
        ("deceased.ofType(Quantity)", "Patient.deceased is never a Quantity"),
        ("gender and active", "'and' needs a criterion that is true or false; this one gives a text"),
        ("name.where(use)", r"where\(...\) needs a criterion that is true or false"),
        ("gender > 3", "'>' has a text on one side and a whole number on the other"),
        ("birthDate = '1950-02-03'", "write a date as @2026-01-31"),
        ("active < true", "yes or no has no order"),
        ("gender * 2", "'[*]' takes numbers, not a text and a whole number"),
        ("name = name", "'=' compares single values; a HumanName or HumanName is none"),
        ("name", "gives a HumanName, which is no column"),
        ("name.first(1)", r"first\(\) takes 0 arguments, not 1"),
        ("name.resolve()", r"the function resolve\(\) is not known here"),
        ("name['x']", r"\[ \] takes one whole number, not a text"),
        ("gender.lowBoundary()", "boundaries are of numbers, dates and times as written, not of a text"),
        ("active.join(',')", r"join\(\) is asked of a text, not of yes or no"),
        ("name.getReferenceKey()", r"getReferenceKey\(\) is asked of a Reference"),
        ("generalPractitioner.getReferenceKey('Patient')", "takes the name of a type"),
        ("%nobody", "%nobody is not among the constants of the view"),
        ("name.", "'name.' is not FHIRPath that is understood here"),
        ("name.given[0", "is not FHIRPath"),
        ("name.given 'x'", "is not FHIRPath"),
        ("(gender", "is not FHIRPath"),
        ("gender =", "is not FHIRPath"),
        ("$index", "is not FHIRPath"),
    ],
)
def test_a_path_that_does_not_hold_is_refused_where_it_stands(path, complaint):
    with pytest.raises(BadRequest, match=rf"select\[0\].column\[1\].path: .*{complaint}"):
        rows_of(column(path), PEOPLE)


@pytest.mark.parametrize(
    ("path", "type_name", "expected"),
    [
        ("multipleBirth.ofType(integer)", "decimal", 2.0),
        ("multipleBirth.ofType(integer)", "string", "2"),
        ("active", "string", "true"),
        ("gender", "http://hl7.org/fhirpath/System.String", "complaint"),
        ("gender", "integer", "complaint"),
        ("active", "HumanName", "complaint"),
    ],
)
def test_a_declared_type_is_kept_or_refused(path, type_name, expected):
    if expected == "complaint":
        with pytest.raises(BadRequest, match="declares the type"):
            rows_of(column(path, type=type_name), PEOPLE)
        return
    assert rows_of(column(path, type=type_name), [ANNA])[0]["got"] == expected


def test_an_ansi_type_makes_a_date_a_date():
    tag = [{"name": "ansi/type", "value": "DATE"}]
    found = [str(row["got"]) for row in rows_of(column("birthDate", tag=tag), PEOPLE)]
    assert found == ["1950-02-03", "None", "None"]
    with pytest.raises(BadRequest, match="asks for ansi/type BLOB"):
        rows_of(column("birthDate", tag=[{"name": "ansi/type", "value": "BLOB"}]), PEOPLE)


def test_a_literal_is_a_value_and_never_sql():
    assert (
        rows_of(column(r"'it\'s; DROP TABLE view_rows; --'"), [CELA])[0]["got"]
        == "it's; DROP TABLE view_rows; --"
    )
