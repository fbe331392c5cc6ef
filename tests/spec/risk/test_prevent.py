"""PREVENT by table: people and measurements in, everybody's risk out, as decision support computes it for one.

The example is the one of the PREVENT authors' published code, which the supplement of Khan et al. 2024 explains.
"""

from __future__ import annotations

import random
from datetime import date
from hashlib import md5

import pytest

from cds.heart_risk import antihypertensives
from cds.risk.answer import Computed
from cds.risk.kidney import egfr_ckd_epi_2021
from cds.risk.prevent import PreventInputs, prevent_risk
from data_contracts.expectations import require_sound
from data_contracts.tables.risk import RISK_TABLES
from data_contracts.valuesets import value_set
from pipelines import risk
from tests.lib.flat_tables import FlatTables

AS_OF = date(2026, 6, 1)
ANN = "a" * 32
LABS = {
    "total_cholesterol": ("2093-3", "mg/dL"),
    "hdl": ("2085-9", "mg/dL"),
    "systolic": ("8480-6", "mm[Hg]"),
    "egfr": ("98979-8", "mL/min/{1.73_m2}"),
    "creatinine": ("2160-0", "mg/dL"),
    "weight": ("29463-7", "kg"),
    "height": ("8302-2", "cm"),
}
PUBLISHED = {
    "total_cholesterol": 200,
    "hdl": 45,
    "systolic": 160,
    "egfr": 90,
    "weight": 89.6,
    "height": 160,
}
"""A woman of 50 with body mass index 35, diabetes and treated pressure, who neither smokes nor takes a statin."""


def measure(tables: FlatTables, person: str, on: str = "2026-03-01", **values: float | None) -> None:
    for name, value in values.items():
        code, unit = LABS[name]
        if value is not None:
            tables.number(f"loinc|{code}", on, str(value), unit, float(value), patient=person)


def publish(tables: FlatTables, person: str = ANN, **changed) -> None:
    """The published example, with some measurements changed or, as null, left out."""
    tables.patient(person, born="1976-01-15", sex="female")
    measure(tables, person, **(PUBLISHED | changed))
    tables.fact("condition", "icd-10-cm|E11.9", "2015-01-01", patient=person)
    tables.fact("medication_request", "rxnorm|314076", "2026-01-01", patient=person)
    smoking(tables, person, "LA18978-9")


def smoking(tables: FlatTables, person: str, answer: str, on: str = "2026-01-01") -> None:
    tables.fact("observation", "loinc|72166-2", on, patient=person, result=f"loinc|{answer}")


def prevent_of(tables: FlatTables) -> dict[str, tuple]:
    """(value, tier, reason, words) by person, of tables that keep their contracts."""
    connection = tables.connection
    risk.score(connection, as_of=AS_OF)
    require_sound(connection, [one.name for one in RISK_TABLES], as_of=AS_OF, great_expectations=False)
    rows = connection.execute(
        "SELECT patient_key, value, tier, unknown_reason, unknown_words FROM risk_scores "
        "WHERE score_id = 'prevent'"
    ).fetchall()
    return {row[0]: row[1:] for row in rows}


@pytest.fixture(scope="module")
def tables() -> FlatTables:
    return FlatTables(pseudonyms=True)


def test_the_published_example_comes_out_with_its_facts_and_days(tables):
    tables.empty()
    publish(tables)
    value, tier, reason, words = prevent_of(tables)[ANN]
    assert (round(value, 1), tier, reason, words) == (14.7, "high", None, None)
    drivers = tables.connection.execute(
        "SELECT part, evidence_type, evidence_on, evidence_value FROM risk_drivers WHERE score_id = 'prevent'"
    ).fetchall()
    assert ("systolic blood pressure", "Observation", date(2026, 3, 1), "160 mm[Hg]") in drivers
    assert ("diabetes", "Condition", date(2015, 1, 1), None) in drivers
    assert ("treatment of blood pressure", "MedicationRequest", date(2026, 1, 1), None) in drivers
    assert ("current smoking", "Observation", date(2026, 1, 1), "no") in drivers


def test_three_hundred_random_people_come_out_as_decision_support_says_of_each(tables):
    """One formula, two kinds of number: in range, at its edges, and beyond."""
    tables.empty()
    draws = random.Random(5)
    said: dict[str, object] = {}
    for number in range(300):
        person = f"{number:032x}"
        years = draws.randint(26, 83)
        sex = draws.choice(["female", "male"])
        given = {
            "total_cholesterol": draws.randint(125, 325),
            "hdl": draws.randint(18, 102),
            "systolic": draws.randint(88, 203),
            "height": draws.randint(150, 200),
            "weight": draws.randint(55, 130),
            "creatinine": draws.choice([None, draws.randint(40, 300) / 100]),
        }
        given["egfr"] = draws.randint(13, 152) if given["creatinine"] is None else None
        diabetes, smokes, treated, statin = (draws.random() < 0.5 for _ in range(4))
        tables.patient(person, born=f"{2026 - years}-02-01", sex=sex)
        measure(tables, person, **given)
        smoking(tables, person, "LA18976-3" if smokes else "LA15920-4")
        if diabetes:
            tables.fact("condition", "icd-10-cm|E11.9", "2015-01-01", patient=person)
        if treated:
            tables.fact("medication_request", "rxnorm|314076", "2026-01-01", patient=person)
        if statin:
            tables.fact("medication_request", "rxnorm|617310", "2026-01-01", patient=person)
        egfr = given["egfr"] or egfr_ckd_epi_2021(
            age_years=years, sex=sex, creatinine_mg_per_dl=given["creatinine"]
        )
        said[person] = prevent_risk(
            PreventInputs(
                age_years=years,
                sex=sex,
                total_cholesterol_mg_per_dl=given["total_cholesterol"],
                hdl_cholesterol_mg_per_dl=given["hdl"],
                systolic_mm_hg=given["systolic"],
                body_mass_index=given["weight"] / (given["height"] / 100) ** 2,
                egfr=egfr if isinstance(egfr, int) else egfr.value,
                has_diabetes=diabetes,
                smokes=smokes,
                takes_antihypertensive=treated,
                takes_statin=statin,
            )
        )
    found = prevent_of(tables)
    computed = {person: one for person, one in said.items() if isinstance(one, Computed)}
    assert 100 < len(computed) < 290
    assert {person for person, one in found.items() if one[0] is not None} == set(computed)
    for person, one in computed.items():
        assert found[person][0] == pytest.approx(one.value, rel=1e-9)
    for person in said.keys() - computed.keys():
        assert found[person][3].split("; here")[0] == said[person].why.split("; here")[0]


NOBODY = (None, "unknown")
FOUND = {
    "no HDL": (*NOBODY, "missing_input", "Not known: HDL cholesterol."),
    "no HDL and no weight": (*NOBODY, "missing_input", "Not known: HDL cholesterol, body mass index."),
    "too high": (
        *NOBODY,
        "out_of_range",
        "Made for systolic blood pressure of 90 to 200 mm[Hg]; here it is 210 mm[Hg].",
    ),
    "too old a pressure": (
        *NOBODY,
        "missing_input",
        "Not known: systolic blood pressure (of 2024-05-31 it does not count).",
    ),
    "a newest that cannot be read": (
        *NOBODY,
        "missing_input",
        "Not known: total cholesterol (of 2026-05-01 it does not count).",
    ),
    "a medicine nobody knows": (
        *NOBODY,
        "missing_input",
        "Not known: treatment with a statin (yes or no).",
    ),
    "heart failure": (*NOBODY, "known_cardiovascular_disease", None),
    "a stroke": (*NOBODY, "known_cardiovascular_disease", None),
    "failed kidneys": (
        *NOBODY,
        "out_of_range",
        "Made for eGFR of 15 to 150 mL/min/{1.73_m2}; here it is 0 mL/min/{1.73_m2}.",
    ),
    "too young": (
        *NOBODY,
        "outside_age",
        "Made for age of 30 to 79 years; here it is 29 years.",
    ),
    "no birth date": (*NOBODY, "no_birth_date", None),
    "no sex": (*NOBODY, "no_sex", None),
}


def key_of(name: str) -> str:
    return md5(name.encode(), usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
def said(tables) -> dict[str, tuple]:
    """Everybody of `FOUND` in one run, and two more; each differs from the published example by what the name says."""
    tables.empty()
    publish(tables, key_of("no HDL"), hdl=None)
    publish(tables, key_of("no HDL and no weight"), hdl=None, weight=None)
    publish(tables, key_of("too high"), systolic=210)
    publish(tables, key_of("too old a pressure"), systolic=None)
    measure(tables, key_of("too old a pressure"), on="2024-05-31", systolic=140)
    publish(tables, key_of("a newest that cannot be read"))
    tables.number(
        "loinc|2093-3", "2026-05-01", "9", "furlong", patient=key_of("a newest that cannot be read")
    )
    publish(tables, key_of("a medicine nobody knows"))
    tables.fact("medication_request", "snomed|1", "2026-02-01", patient=key_of("a medicine nobody knows"))
    for name, code in (("heart failure", "I50.22"), ("a stroke", "I63.9"), ("failed kidneys", "N18.6")):
        publish(tables, key_of(name))
        tables.fact("condition", f"icd-10-cm|{code}", "2020-01-01", patient=key_of(name))
    for name, about in (
        ("too young", {"born": "1997-01-01"}),
        ("no birth date", {"born": None}),
        ("no sex", {"born": "1976-01-01", "sex": None}),
    ):
        tables.patient(key_of(name), **about)
        measure(tables, key_of(name), **PUBLISHED)
    publish(tables, key_of("newer creatinine"))
    measure(tables, key_of("newer creatinine"), on="2026-04-01", creatinine=3.0)
    publish(tables, key_of("older pressure"))
    measure(tables, key_of("older pressure"), on="2025-04-01", systolic=199)
    return prevent_of(tables)


@pytest.mark.parametrize("name", FOUND)
def test_what_is_missing_or_unfit_is_said_by_its_reason_and_never_guessed(said, name):
    assert said[key_of(name)] == FOUND[name]


@pytest.mark.parametrize(
    ("name", "behind"),
    [
        ("heart failure", ("cardiovascular disease", "Condition", "I50.22", None)),
        ("failed kidneys", ("eGFR", "Condition", "N18.6", None)),
        ("too high", ("systolic blood pressure", "Observation", "8480-6", "210 mm[Hg]")),
        ("too old a pressure", ("systolic blood pressure", "Observation", "8480-6", "140 mm[Hg]")),
        ("a medicine nobody knows", ("treatment (medicine not identified)", "MedicationRequest", "1", None)),
    ],
)
def test_what_a_reason_tells_of_is_a_fact_behind_it_so_that_its_label_counts(said, tables, name, behind):
    drivers = tables.connection.execute(
        "SELECT part, evidence_type, evidence_code, evidence_value FROM risk_drivers "
        "WHERE score_id = 'prevent' AND patient_key = ?",
        [key_of(name)],
    ).fetchall()
    assert behind in drivers


def test_a_creatinine_newer_than_the_reported_egfr_counts_and_an_older_pressure_does_not(said):
    assert said[key_of("newer creatinine")][0] > 20, "kidneys much worse than the older report said"
    assert round(said[key_of("older pressure")][0], 1) == 14.7


def test_the_value_set_of_antihypertensives_has_the_ingredients_of_decision_support():
    listed = {code.code for code in value_set("antihypertensives").codes}
    assert antihypertensives() <= listed
