"""A site without a SNOMED CT licence removes what NOTICE names: no code is left, and everything works without them."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cds.engine import registry
from tests.contract.conftest import through_the_pipeline

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("data_contracts", "ehr_core", "cds", "pipelines", "dashboards", "portal", "notebooks", "deploy")
PEOPLE = 60
ANSWERS = "SELECT patient_key, recommendation_id, status, due_on FROM recommendation_results"
SYSTEM = "http://snomed.info/sct"

WITHOUT = """
import json, sys
sys.path.insert(0, sys.argv[1])
import ehr_core
from cds.engine import registry
from data_contracts.valuesets import value_sets
from ehr_core.charting.allergies import absence_codes
from ehr_core.population import generate
import panel
lines = b"".join(line for _, line in generate(int(sys.argv[2]), seed=2026, as_of=panel.AS_OF, time_zone=panel.ZONE))
with panel.through_the_pipeline(int(sys.argv[2])) as connection:
    answers = connection.execute(sys.argv[3]).fetchall()
print(json.dumps({
    "home": ehr_core.__file__,
    "systems": sorted({code.system.uri for found in value_sets().values() for code in found.codes}),
    "left_out": sum(found.snomed_left_out for found in value_sets().values()),
    "absences": sorted({system for system, _ in absence_codes()}),
    "rules": len(registry().rules),
    "mentions": lines.count(b"snomed"),
    "answers": sorted(map(str, answers)),
}))
"""


def removable() -> list[Path]:
    """The places that NOTICE names."""
    chapter = (
        (ROOT / "NOTICE").read_text(encoding="utf-8").partition("SNOMED CT\n")[2].partition("\nFHIR\n")[0]
    )
    return [ROOT / place for place in re.findall(r"^    ([a-z_]\S*)", chapter, re.MULTILINE)]


def codes_in(path: Path) -> Iterator[str]:
    """Every SNOMED CT code in a file of ours."""
    if path.suffix == ".toml":
        yield from re.findall(r'"(\d{6,18})"', path.read_text(encoding="utf-8"))
    elif path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as lines:
            yield from (row["code"] for row in csv.DictReader(lines) if row["code"].isdigit())


def files_in(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """The packages without those files."""
    home = tmp_path_factory.mktemp("bare")
    gone = {str(place) for place in removable()}

    def left_out(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name == "__pycache__" or os.path.join(folder, name) in gone}

    for package in ("cds", "data_contracts", "ehr_core", "pipelines"):
        shutil.copytree(ROOT / package, home / package, ignore=left_out)
    shutil.copy(ROOT / "tests" / "contract" / "conftest.py", home / "panel.py")
    return home


def test_notice_names_places_that_are_there():
    assert [place for place in removable() if not place.exists()] == []
    assert len(removable()) == 7


def test_no_code_stands_anywhere_else():
    places = removable()
    named = {path for place in places for path in files_in(place)}
    codes = {code for path in named for code in codes_in(path)}
    assert len(codes) > 100
    word = re.compile(rb"(?<![\d.])\d{6,18}(?![\d.])")
    elsewhere = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in (".py", ".toml", ".csv", ".json", ".sql", ".yaml", ".md") and path not in named
        if {found.decode() for found in word.findall(path.read_bytes())} & codes
    }
    assert elsewhere == set()


@pytest.mark.long
def test_the_generator_the_value_sets_the_chart_and_the_pipeline_work_without_them(bare):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(bare), str(PEOPLE), ANSWERS],
        cwd=bare,
        env={**os.environ, "PYTHONPATH": str(bare)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)

    assert found["home"].startswith(str(bare))
    assert SYSTEM not in found["systems"]
    assert SYSTEM not in found["absences"]
    assert found["absences"]
    assert found["left_out"] > 10
    assert found["rules"] == len(registry().rules)
    assert found["mentions"] == 0
    with through_the_pipeline(PEOPLE) as connection:
        with_codes = sorted(map(str, connection.execute(ANSWERS).fetchall()))
    assert found["answers"] == with_codes
    assert len(with_codes) > 5 * PEOPLE
