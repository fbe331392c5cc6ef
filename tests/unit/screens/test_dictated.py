"""Every dose in dictated words is picked out, and the engine is told this chart's drugs."""

from __future__ import annotations

import pytest

from dashboards.clinician.dictated import doses_in, prompt_of, unknown_drugs


@pytest.mark.parametrize(
    ("words", "doses"),
    [
        ("Increase metformin to 1000 mg twice a day.", ["1000 mg"]),
        ("Lisinopril 20mg, then 40 mg.", ["20mg", "40 mg"]),
        ("insulin glargine twenty-four units at night", ["twenty-four units"]),
        ("levothyroxine 0.125 milligrams", ["0.125 milligrams"]),
        ("heparin 5,000 units", ["5,000 units"]),
        ("one and a half tablets", ["one and a half tablets"]),
        ("5 mg and again 5 mg", ["5 mg"]),
        ("seen 3 days ago, 120 over 80", []),
        ("two puffs", ["two puffs"]),
        ("5 grapes", []),
        ("", []),
    ],
)
def test_doses_are_found_as_they_were_said(words, doses):
    assert doses_in(words) == doses


def test_the_engine_is_told_the_charts_drugs_without_their_strengths():
    prompt = prompt_of(["metFORMIN hydrochloride 500 MG Oral Tablet", "lisinopril 20 MG"], ["Gout"])
    assert prompt == "Medical dictation. Gout, metformin hydrochloride, lisinopril"


def test_on_a_long_chart_the_drugs_names_come_before_the_problems_and_are_whole():
    drugs = [f"drug{number:03}ium" for number in range(40)]
    prompt = prompt_of(drugs, ["Gout", "x" * 300])
    assert len(prompt) <= 600
    assert prompt.endswith(", ".join(drugs))
    assert "xxx" not in prompt
    assert prompt_of(["a" * 700]) == "Medical dictation. "


@pytest.mark.parametrize(
    ("words", "asks"), [("metformin 500 mg", False), ("met foreman 500 mg", True), ("feels well", False)]
)
def test_a_dose_without_a_known_drug_is_asked_about(words, asks):
    assert unknown_drugs(doses_in(words), words, ["metformin 500 MG Oral Tablet"]) is asks
