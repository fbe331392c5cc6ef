"""Value sets: what loads, what is refused, and that the SNOMED CT part may be left out."""

from __future__ import annotations

import shutil

import pytest

from data_contracts.code_systems import CODE_SYSTEMS, code_system
from data_contracts.valuesets import FOLDER, load_value_sets, read_codes, value_set, value_sets
from ehr_core.kernel.errors import BadRequest, NotFound


def test_every_value_set_has_codes_an_origin_and_a_licence():
    for name, found in value_sets().items():
        assert found.codes, name
        assert found.source, name
        assert found.licence, name
        assert found.url.startswith("https://almoner.dev/fhir/ValueSet/"), name


def test_no_set_holds_a_code_twice():
    for name, found in value_sets().items():
        tokens = [code.token for code in found.codes]
        assert len(tokens) == len(set(tokens)), name


def test_every_file_is_named_in_the_manifest():
    for folder in (FOLDER, FOLDER / "snomed"):
        for path in folder.glob("*.csv"):
            assert path.stem in value_sets(), path.name


def test_without_the_snomed_folder_all_sets_load_and_say_so(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "sets", ignore=shutil.ignore_patterns("snomed", "__pycache__"))
    bare = load_value_sets(tmp_path / "sets")
    assert bare.keys() == value_sets().keys()
    assert all(code.system.name != "snomed" for found in bare.values() for code in found.codes)
    assert bare["diabetes"].snomed_left_out
    assert not value_sets()["diabetes"].snomed_left_out
    assert all(found.codes for found in bare.values())


def test_a_prefix_stands_for_every_code_below_it():
    tokens = value_set("diabetes").tokens
    assert "http://hl7.org/fhir/sid/icd-10-cm|E11*" in tokens


def test_an_unknown_set_is_not_found():
    with pytest.raises(NotFound, match="no value set 'shoes'"):
        value_set("shoes")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("system,code\nloinc,4548-4\n", "must begin with the line"),
        ("system,code,display\nlonic,4548-4,x\n", "'bad.csv', line 2: There is no code system 'lonic'"),
        ("system,code,display\nloinc,E11.9,x\n", "line 2: 'E11.9' is not a LOINC code"),
        ("system,code,display\nloinc,45*,x\n", "LOINC has no prefixes"),
        ("system,code,display\nicd-10-cm,11.9,x\n", "'11.9' is not a ICD-10-CM code"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path, text, complaint):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(BadRequest, match=complaint.replace("|", r"\|")):
        read_codes(path)


def test_a_snomed_code_in_an_open_file_is_refused(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "sets")
    with (tmp_path / "sets" / "diabetes.csv").open("a") as lines:
        lines.write("snomed,44054006,Diabetes mellitus type 2\n")
    with pytest.raises(BadRequest, match=r"belong in snomed/diabetes\.csv"):
        load_value_sets(tmp_path / "sets")


def test_a_missing_file_is_named(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "sets")
    (tmp_path / "sets" / "hba1c.csv").unlink()
    with pytest.raises(BadRequest, match=r"'hba1c.csv' is not there"):
        load_value_sets(tmp_path / "sets")


@pytest.mark.parametrize(
    ("system", "code"),
    [
        ("loinc", "4548-4"),
        ("loinc", "LA6576-8"),
        ("icd-10-cm", "E11.65"),
        ("icd-10-cm", "T46.6X5A"),
        ("icd-10-pcs", "0HTV0ZZ"),
        ("hcpcs", "G0121"),
        ("cvx", "216"),
        ("rxnorm", "617310"),
        ("snomed", "44054006"),
        ("interpretation", "POS"),
    ],
)
def test_a_code_of_a_system_is_accepted(system, code):
    assert code_system(system).checked(code) == code


def test_no_cpt_codes_are_shipped():
    assert "cpt" not in CODE_SYSTEMS
    assert not any("ama-assn" in system.uri for system in CODE_SYSTEMS.values())


def test_rxnorm_sets_hold_only_the_drugs_they_are_about():
    words = ("statin", "lipitor", "crestor", "zocor", "caduet")
    about = [
        code for code in value_set("statins").codes if any(word in code.display.lower() for word in words)
    ]
    assert len(about) > 100
    for name in ("statins", "antidepressants", "cessation_medication", "dementia_medication"):
        assert {code.system.name for code in value_set(name).codes} <= {"rxnorm", "snomed"}
