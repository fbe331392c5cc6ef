"""NLM's monthly file: read in its real layout, searched and checked by ingredient; anything else is refused whole."""

from __future__ import annotations

import zipfile

import pytest

from data_contracts.api.medications import PrescriptionDraft, Sig, SignPrescription
from ehr_core.kernel.errors import BadRequest, Conflict
from ehr_core.medications.release_import import import_release
from tests.integration.chart_records import of, put, put_patient, put_site
from tests.integration.medications.test_prescribing import NO_KNOWN_ALLERGY, RXNORM
from tests.lib.api import running_api

CONCEPTS = [
    ("9000001", "IN", "zorvastatin"),
    ("9000002", "PIN", "zorvastatin calcium"),
    ("9000003", "BN", "Zorvex"),
    ("9000004", "SCDC", "zorvastatin 10 MG"),
    ("9000005", "SCD", "zorvastatin 10 MG Oral Tablet"),
    ("9000006", "SBD", "zorvastatin 10 MG Oral Tablet [Zorvex]"),
    ("9000007", "DF", "Oral Tablet"),
    ("9000008", "SCD", "zorvastatin Oral Paste"),
    ("9000009", "SCD", "zorvocodone 5 MG Oral Tablet"),
    ("9000010", "IN", "zorvocodone"),
    ("9000011", "SCDC", "zorvocodone 5 MG"),
]
RELATIONS = [
    ("9000005", "consists_of", "9000004"),
    ("9000004", "has_ingredient", "9000001"),
    ("9000005", "has_dose_form", "9000007"),
    ("9000009", "has_dose_form", "9000007"),
    ("9000006", "tradename_of", "9000005"),
    ("9000006", "has_ingredient", "9000003"),
    ("9000003", "tradename_of", "9000001"),
    ("9000002", "form_of", "9000001"),
    ("9000009", "consists_of", "9000011"),
    ("9000011", "has_ingredient", "9000010"),
]
ATTRIBUTES = [
    ("9000004", "RXN_STRENGTH", "RXNORM", "10 MG"),
    ("9000011", "RXN_STRENGTH", "RXNORM", "5 MG"),
    ("9000009", "DEA", "MTHSPL", "CII"),
]


def lines(rows):
    return "".join("|".join(row) + "|\n" for row in rows)


def conso(rxcui, kind, name, source="RXNORM", suppress="N"):
    row = [rxcui, "ENG", "", "", "", "", "", "1", "", "", "", source, kind, rxcui, name, "", suppress]
    return [*row, "4096"]


def release(path, *, version="20AA_261102F", tables=None, more=()):
    """A zip in the layout of the monthly release, with a line of another source in each table."""
    other = conso("9000099", "SCD", "of another source", source="MTHSPL")
    found = {
        "RXNCONSO": lines([other, conso("9000098", "SCD", "old", suppress="O"), *(conso(*one) for one in CONCEPTS)]),
        "RXNREL": lines(
            [to, "", "CUI", "RO", of_, "", "CUI", rela, "1", "", "RXNORM", "RXNORM", "", "", "", "4096"]
            for of_, rela, to in RELATIONS
        ),
        "RXNSAT": lines(
            [rxcui, "", "", "1", "AUI", "", "", "", name, source, value, "N", "4096"]
            for rxcui, name, source, value in ATTRIBUTES
        ),
        "RXNSAB": lines([["", "", "x", "RXNORM", "RxNorm Vocabulary", "RXNORM", version, "", ""]]),
    } | (tables or {})  # fmt: skip
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in found.items():
            if content is not None:
                archive.writestr(f"rrf/{name}.RRF", content)
                archive.writestr(f"prescribe/rrf/{name}.RRF", "")
        for name, content in more:
            archive.writestr(name, content)
    return path


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put(running, "AllergyIntolerance", "none", patient=of("ana"), **NO_KNOWN_ALLERGY)
        yield running


def imported(api, path):
    told = []
    with api.work() as work:
        return import_release(work, path, told.append), told


def counted(api):
    with api.work() as work:
        return work.connection.exec_driver_sql("SELECT count(*) FROM medications.rxnorm_concept").scalar_one()


def test_an_imported_release_is_searched_prescribed_and_checked_by_ingredient(api, tmp_path):
    done, told = imported(api, release(tmp_path / "rxnorm.zip"))
    assert (done.version, done.concepts, done.changed, len(told)) == ("20AA_261102F", 8, True, 2)
    assert imported(api, tmp_path / "rxnorm.zip")[0].changed is False
    okafor = api.signed_in("okafor", "clinician", practitioner_id="okafor")
    by_name, by_brand = (okafor.medications.search(typed) for typed in ("zorvast 10", "zorvex"))
    assert [one.rxcui for one in by_name.items] == [one.rxcui for one in by_brand.items] == ["9000005"]
    assert (by_name.items[0].route, by_name.items[0].dose_unit) == ("oral", "tablet")
    assert "20AA_261102F" in by_name.coverage
    (controlled,) = okafor.medications.search("zorvoc").items
    assert "Schedule II" in controlled.not_here
    assert okafor.medications.search("100%").items == []

    put(
        api,
        "AllergyIntolerance",
        "zorvastatin",
        patient=of("ana"),
        code={"coding": [{"system": RXNORM, "code": "9000003"}], "text": "Zorvex"},
        criticality="high",
    )
    sig = Sig(dose_amount=1, dose_unit="tablet", route="oral", frequency="daily")
    draft = PrescriptionDraft(rxcui="9000006", name="Zorvex", sig=sig, quantity=30, days_supply=30)
    cards = okafor.medications.check("ana", draft).cards.interrupting
    assert any(card.rule_id.startswith("drug_allergies") for card in cards)
    refused = draft.model_copy(update={"rxcui": "9000009", "name": "zorvocodone"})
    with pytest.raises(Conflict, match="Schedule II"):
        okafor.medications.sign("ana", SignPrescription(request_id="request-1", draft=refused))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tables": {"RXNREL": None}}, "no RXNREL.RRF"),
        ({"tables": {"RXNSAB": "|||MSH|||1|\n"}}, "which version"),
        ({"tables": {"RXNCONSO": "1|ENG|\n"}}, "another layout"),
        ({"tables": {"RXNCONSO": ""}}, "no names of the source"),
        ({"tables": {"RXNSAT": "0" * 3_000_000}}, "unpacks to more"),
        ({"more": [("../../outside", "x")]}, "leads out"),
        ({"more": [("/absolute", "x")]}, "leads out"),
    ],
)
def test_what_is_no_release_is_refused_and_the_old_one_stays(api, tmp_path, changes, words):
    imported(api, release(tmp_path / "good.zip"))
    before = counted(api)
    with pytest.raises(BadRequest, match=words):
        imported(api, release(tmp_path / "bad.zip", version="later", **changes))
    assert counted(api) == before > 0


def test_a_file_that_is_no_zip_or_not_there_is_a_sentence(api, tmp_path):
    (tmp_path / "no.zip").write_text("hello")
    for name, words in (("no.zip", "no zip file"), ("missing.zip", "There is no file")):
        with pytest.raises(BadRequest, match=words):
            imported(api, tmp_path / name)


def test_the_next_month_takes_the_place_of_the_last(api, tmp_path):
    imported(api, release(tmp_path / "november.zip"))
    done, _ = imported(api, release(tmp_path / "december.zip", version="20AA_261207F"))
    assert (done.version, done.changed, counted(api)) == ("20AA_261207F", True, 8)
