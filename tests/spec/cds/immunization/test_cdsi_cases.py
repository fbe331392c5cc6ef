"""The CDC's own test cases for decision support on immunization.

A sample stands beside this file, typed from the published cases (US government work), all seen on 2026-08-05. A dose is
date:CVX with + where it counts and - where it does not; `next` is ? where only that was compared. A site that has the
CDC's whole spreadsheet as CSV names it in ALMONER_CDSI_CASES: then every case runs, and the pass rate of each vaccine
group is printed and held.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from cds.facts import Facts, Immunization
from cds.immunization import forecast

SEEN_ON = date(2026, 8, 5)
SAMPLE = Path(__file__).parent / "cdsi_cases.csv"
WHOLE = os.environ.get("ALMONER_CDSI_CASES")

GROUPS = {
    "DTAP": "dtap_tdap_td",
    "POL": "polio",
    "MMR": "mmr",
    "VAR": "varicella",
    "HepA": "hepatitis_a",
    "HepB": "hepatitis_b",
    "HIB": "hib",
    "PCV": "pneumococcal_child",
    "ROTA": "rotavirus",
    "HPV": "hpv",
    "MCV": "meningococcal_acwy",
    "ZOSTER": "zoster",
}
AT_LEAST = dict.fromkeys(GROUPS, 0.75)


def _rows() -> list[dict[str, str]]:
    with SAMPLE.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _person(born: date, given: list[tuple[date, str]], as_of: date, sex: str = "female") -> Facts:
    doses = tuple(Immunization(cvx, on) for on, cvx in given)
    return Facts(as_of=as_of, birth_date=born, sex=sex, allergy_list="none_known", immunizations=doses)


@pytest.mark.parametrize("row", _rows(), ids=lambda row: f"{row['group']}-{row['case']}")
def test_a_published_case_of_the_cdc(row):
    written = [[*one[:-1].split(":"), one[-1] == "+"] for one in row["doses"].split()]
    given = [(date.fromisoformat(on), cvx) for on, cvx, _ in written]
    found = forecast(_person(date.fromisoformat(row["born"]), given, SEEN_ON)).of(row["group"])
    assert [one.counts for one in found.verdicts] == [counts for *_, counts in written]
    if row["next"] == "?":
        return
    if not row["next"]:
        assert found.status in ("complete", "not_recommended")
        return
    expected = [
        date.fromisoformat(row[name]) if row[name] else None
        for name in ("earliest", "recommended", "past_due")
    ]
    assert [found.earliest_on, found.recommended_on, found.past_due_on] == expected
    assert found.dose_number == int(row["next"])


@pytest.mark.skipif(
    not WHOLE, reason="ALMONER_CDSI_CASES names no file: the CDC's whole set of cases is not here"
)
def test_the_whole_set_of_the_cdc_keeps_its_pass_rate(capsys):
    passed, all_cases = _pass_rates(Path(WHOLE))
    rates = {group: passed[group] / all_cases[group] for group in all_cases}
    with capsys.disabled():
        for group, rate in sorted(rates.items()):
            print(f"\n{group}: {passed[group]} of {all_cases[group]} ({100 * rate:.0f} %)", end="")
    assert rates
    assert {group: rate for group, rate in rates.items() if rate < AT_LEAST[group]} == {}


def test_the_reader_of_the_whole_set_reads_its_columns(tmp_path):
    head = (
        "CDC_Test_ID,DOB,Gender,Date_Administered_1,CVX_1,Evaluation_Status_1,Earliest_Date,Recommended_Date"
    )
    lines = [
        f"{head},Past_Due_Date,Vaccine_Group,Assessment_Date",
        "1,03/20/2024,F,,,,05/01/2024,05/20/2024,07/17/2024,DTAP,03/20/2024",
        "2,03/20/2024,F,04/25/2024,107,Not Valid,01/01/2024,05/20/2024,07/17/2024,DTAP,04/25/2024",
        "3,03/20/2024,F,,,,,,,Rabies,03/20/2024",
    ]
    file = tmp_path / "cases.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    passed, all_cases = _pass_rates(file)
    assert (dict(passed), dict(all_cases)) == ({"DTAP": 1}, {"DTAP": 2})


def _pass_rates(path: Path) -> tuple[Counter[str], Counter[str]]:
    passed: Counter[str] = Counter()
    all_cases: Counter[str] = Counter()
    with path.open(newline="", encoding="utf-8-sig") as lines:
        for row in csv.DictReader(lines):
            if row["Vaccine_Group"] in GROUPS:
                all_cases[row["Vaccine_Group"]] += 1
                passed[row["Vaccine_Group"]] += _agrees(row)
    return passed, all_cases


def _agrees(row: dict[str, str]) -> bool:
    doses = list(_doses(row))
    facts = _person(
        _day(row["DOB"]),
        [(on, cvx) for on, cvx, _ in doses],
        _day(row["Assessment_Date"]),
        "male" if row["Gender"].startswith("M") else "female",
    )
    found = forecast(facts).of(GROUPS[row["Vaccine_Group"]])
    wanted = [_day(row[name]) for name in ("Earliest_Date", "Recommended_Date", "Past_Due_Date")]
    given = [found.earliest_on, found.recommended_on, found.past_due_on]
    counts = [one.counts for one in found.verdicts] == [counts for *_, counts in doses]
    return counts and (
        given == wanted or (not any(wanted) and found.status in ("complete", "not_recommended"))
    )


def _doses(row: dict[str, str]) -> Iterator[tuple[date, str, bool]]:
    for number in range(1, 10):
        if row.get(f"CVX_{number}"):
            counts = row[f"Evaluation_Status_{number}"].strip().lower() == "valid"
            yield _day(row[f"Date_Administered_{number}"]), row[f"CVX_{number}"], counts


def _day(written: str) -> date | None:
    if not written:
        return None
    return datetime.strptime(written.split(" ")[0], "%m/%d/%Y" if "/" in written else "%Y-%m-%d").date()
