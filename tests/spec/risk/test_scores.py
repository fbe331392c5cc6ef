"""Risk scores by table: people and their diagnoses in, scores and tiers out."""

from datetime import date

import polars as pl
import pytest

from data_contracts.expectations import ContractBreached, require_sound
from data_contracts.guidelines.sql import dated, sensitivity_rank
from data_contracts.tables.risk import RISK_TABLES
from pipelines import risk
from pipelines.risk.tiers import CARE_TIERS_SELECT, tier
from tests.lib.flat_tables import KEY_ID, FlatTables

AS_OF = date(2026, 6, 1)
ANN, BOB = "a" * 32, "b" * 32
NAMES = [table.name for table in RISK_TABLES]


@pytest.fixture(scope="module")
def kept() -> FlatTables:
    return FlatTables(pseudonyms=True)


@pytest.fixture
def tables(kept) -> FlatTables:
    return kept.empty()


def scores(tables: FlatTables) -> dict[tuple[str, str], tuple]:
    """(person, score) and the value, tier, reason and parts."""
    connection = tables.connection
    risk.score(connection, as_of=AS_OF)
    require_sound(connection, NAMES, as_of=AS_OF, great_expectations=False)
    rows = connection.execute(
        "SELECT patient_key, score_id, value, tier, unknown_reason, parts FROM risk_scores"
    ).fetchall()
    return {row[:2]: row[2:] for row in rows}


def insured(tables: FlatTables, person: str) -> None:
    tables.insert(
        "coverage",
        key_id=KEY_ID,
        patient_key=person,
        resource_key=f"cover-{person}",
        status="active",
        payer_type="Medicare",
    )


def diagnosed(tables: FlatTables, person: str, code: str, **more) -> None:
    tables.fact("condition", f"icd-10-cm|{code}", "2026-01-15", patient=person, **more)


def test_diagnoses_make_scores_of_every_kind(tables):
    tables.patient(ANN, born="1950-03-01", sex="female")
    insured(tables, ANN)
    for code in ("E11.9", "I50.22", "N18.4"):
        diagnosed(tables, ANN, code)
    found = scores(tables)
    assert found[ANN, "charlson"] == (4.0, "high", None, CHARLSON)
    assert found[ANN, "elixhauser"][1] == "high"
    value, tier, reason, parts = found[ANN, "hcc_v28"]
    assert value == pytest.approx(1.7, abs=0.2)
    assert (tier, reason) == (None, None)
    assert parts == "HCC 38, HCC 226, HCC 327"


CHARLSON = "Congestive heart failure, Diabetes without chronic complication, Renal disease"


def test_somebody_without_coded_diagnoses_is_unknown_and_not_low(tables):
    tables.patient(BOB, born="1950-03-01", sex="male")
    insured(tables, BOB)
    found = scores(tables)
    assert found[BOB, "charlson"] == (None, "unknown", "no_coded_diagnosis", "")
    assert found[BOB, "hcc_v24"] == (None, None, "no_coded_diagnosis", "")


@pytest.mark.parametrize(
    ("about", "in_medicare", "reason"),
    [
        ({"born": "1950-03-01", "sex": "female"}, False, "not_in_medicare"),
        ({"born": None, "sex": "female"}, True, "no_birth_date"),
        ({"born": ("1950-01-01", "1950-12-31"), "sex": "female"}, True, "no_birth_date"),
        ({"born": "1950-03-01", "sex": "other"}, True, "no_sex"),
        ({"born": "1950-03-01", "sex": None}, True, "no_sex"),
    ],
)
def test_a_payment_score_that_cannot_be_made_says_why(tables, about, in_medicare, reason):
    tables.patient(ANN, **about)
    if in_medicare:
        insured(tables, ANN)
    diagnosed(tables, ANN, "E11.9")
    found = scores(tables)
    assert found[ANN, "hcc_v24"] == (None, None, reason, "")
    assert found[ANN, "charlson"][0] == 1.0


@pytest.mark.parametrize(
    "more",
    [
        {"verification_status": "refuted"},
        {"verification_status": "entered-in-error"},
        {"clinical_status": "resolved"},
    ],
)
def test_what_is_refuted_wrong_or_resolved_does_not_count(tables, more):
    tables.patient(ANN, born="1950-03-01", sex="female")
    diagnosed(tables, ANN, "E11.9", **more)
    assert scores(tables)[ANN, "charlson"][2] == "no_coded_diagnosis"


@pytest.mark.parametrize(
    ("score", "value", "said"),
    [
        ("charlson", 0, "low"),
        ("charlson", 2, "moderate"),
        ("charlson", 3, "high"),
        ("charlson", 5, "very_high"),
        ("charlson", None, "unknown"),
        ("elixhauser", -4, "low"),
        ("elixhauser", 5, "high"),
        ("prevent", 4.99, "low"),
        ("prevent", 5, "moderate"),
        ("prevent", 7.5, "high"),
        ("prevent", 20, "very_high"),
        ("hcc_v28", 3.2, None),
        ("hcc_v28", None, None),
    ],
)
def test_a_tier_is_the_highest_whose_threshold_is_reached_and_payment_has_none(score, value, said):
    row = pl.DataFrame({"score_id": [score], "value": [value]}, schema_overrides={"value": pl.Float64})
    assert row.select(tier()).item() == said


def tiers(tables: FlatTables) -> dict[str, tuple]:
    scores(tables)
    rows = tables.connection.execute("SELECT patient_key, tier, basis, evidence_sensitivity FROM care_tiers")
    return {row[0]: row[1:] for row in rows.fetchall()}


def test_the_care_tier_is_the_highest_of_the_clinical_scores_and_names_them(tables):
    tables.patient(ANN, born="1950-03-01", sex="female")
    diagnosed(tables, ANN, "E11.9")
    diagnosed(tables, ANN, "I50.22")
    diagnosed(tables, ANN, "B20", sensitivity="HIV")
    tables.patient(BOB, born="1990-03-01", sex="male")
    diagnosed(tables, BOB, "J00")
    assert tiers(tables) == {
        ANN: ("very_high", "charlson", "HIV"),
        BOB: ("low", "charlson, elixhauser", None),
    }


def test_a_payment_score_alone_makes_no_care_tier(tables):
    """Nothing clinical is known of her; what a plan would be paid says nothing of the care that she needs."""
    tables.patient(ANN, born="1950-03-01", sex="female")
    insured(tables, ANN)
    diagnosed(tables, ANN, "E11.9")
    scores(tables)
    connection = tables.connection
    connection.execute(
        "UPDATE risk_scores SET value = NULL, tier = 'unknown', unknown_reason = 'no_coded_diagnosis', parts = '' "
        "WHERE purpose <> 'payment'"
    )
    assert connection.execute("SELECT max(value) FROM risk_scores").fetchone()[0] > 0.5
    select = CARE_TIERS_SELECT.format(rank_of_label=sensitivity_rank("evidence_sensitivity"))
    assert connection.execute(dated(select, AS_OF)).fetchone()[2:4] == ("unknown", None)


@pytest.mark.parametrize(
    "wrong",
    [
        "UPDATE care_tiers SET tier = 'very_high', basis = 'hcc_v28'",
        "UPDATE care_tiers SET basis = 'hcc_v28'",
        "UPDATE risk_scores SET purpose = 'comorbidity', tier = 'high' WHERE score_id = 'hcc_v28'",
    ],
)
def test_a_care_tier_of_a_payment_score_breaks_the_contract(tables, wrong):
    tables.patient(ANN, born="1950-03-01", sex="female")
    insured(tables, ANN)
    diagnosed(tables, ANN, "E11.9")
    scores(tables)
    tables.connection.execute(wrong)
    with pytest.raises(ContractBreached):
        require_sound(tables.connection, NAMES, as_of=AS_OF, great_expectations=False)


def test_a_score_names_the_diagnoses_behind_each_category(tables):
    tables.patient(ANN, born="1950-03-01", sex="female")
    insured(tables, ANN)
    diagnosed(tables, ANN, "I50.22", key="f" * 32)
    diagnosed(tables, ANN, "J00", key="e" * 32)
    scores(tables)
    rows = tables.connection.execute(
        "SELECT score_id, part, evidence_key, evidence_on, evidence_code FROM risk_drivers ORDER BY score_id"
    ).fetchall()
    said = ("f" * 32, date(2026, 1, 15), "I50.22")
    assert rows == [
        ("charlson", "Congestive heart failure", *said),
        ("elixhauser", "Congestive heart failure", *said),
        ("hcc_v24", "HCC 85", *said),
        ("hcc_v28", "HCC 226", *said),
        ("prevent", "cardiovascular disease", *said),
    ], "PREVENT is not for people with known disease, and this is the fact that says so"


@pytest.mark.parametrize(
    "gone",
    [{"deceased": True}, {"active": False}, {"replaced_by_key": "c" * 32}, {"deceased_low": "2026-01-01"}],
)
def test_nobody_who_died_was_merged_away_or_is_inactive_is_scored(tables, gone):
    tables.patient(ANN, born="1950-03-01", sex="female", **gone)
    diagnosed(tables, ANN, "E11.9")
    assert scores(tables) == {}


@pytest.mark.parametrize("change", ["unknown_reason = 'no_sex'", "tier = NULL"])
def test_a_value_beside_a_reason_or_a_comorbidity_without_tier_breaks_the_contract(tables, change):
    tables.patient(ANN, born="1950-03-01", sex="female")
    diagnosed(tables, ANN, "E11.9")
    scores(tables)
    connection = tables.connection
    connection.execute(f"UPDATE risk_scores SET {change} WHERE score_id = 'charlson'")
    with pytest.raises(ContractBreached):
        require_sound(connection, NAMES, as_of=AS_OF, great_expectations=False)
