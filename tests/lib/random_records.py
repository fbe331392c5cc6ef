"""Random records made to sit on the edges of the guidelines: themed facts around a day, on birthdays and leap days."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from tests.lib.flat_tables import FlatTables

EDGE_DAYS = (
    date(2024, 2, 29),
    date(2025, 12, 31),
    date(2026, 1, 1),
    date(2026, 6, 30),
    date(2026, 7, 1),
    date(2026, 8, 31),
)
FACTS = {
    "diabetes": [
        ("condition", "icd-10-cm|E11.9"),
        ("number", "loinc|4548-4", "%", (6.9, 8.0, 10.2, None)),
        ("observation", "loinc|33914-3", (None,)),
        ("observation", "loinc|9318-7", (None,)),
        ("medication", "rxnorm|617310"),
    ],
    "vascular": [
        ("condition", "icd-10-cm|I10"),
        ("pressure", (120, 70), (128, None), (150, 95)),
        ("condition", "icd-10-cm|I25.10"),
        ("number", "loinc|13457-7", "mg/dL", (120.0, 190.0)),
        ("medication", "rxnorm|617310"),
        ("condition", "icd-10-cm|T46.6X5A"),
        ("condition", "icd-10-cm|Z34.90"),
        ("condition", "icd-10-cm|I12.0"),
        ("procedure", "icd-10-pcs|5A1D70Z", (None,)),
    ],
    "breast": [
        ("observation", "loinc|24606-6", ("interpretation|A", "interpretation|N", None)),
        ("observation", "loinc|24605-8", ("interpretation|A", "interpretation|IND", None)),
        ("condition", "icd-10-cm|Z90.12"),
        ("procedure", "icd-10-pcs|0HTT0ZZ", (None,)),
    ],
    "colon": [
        ("observation", "loinc|57905-2", ("loinc|LA6576-8", "loinc|LA6577-6", None)),
        ("observation", "loinc|77354-9", ("loinc|LA6576-8", None)),
        ("procedure", "hcpcs|G0121", (None,)),
        ("procedure", "hcpcs|G0104", (None,)),
        ("observation", "loinc|79101-2", ("interpretation|A", None)),
    ],
    "cervix": [
        ("diagnostic_report", "loinc|10524-7", ("icd-10-cm|R87.610", None)),
        ("observation", "loinc|82675-0", ("loinc|LA6576-8", None)),
        ("procedure", "icd-10-pcs|0UBC7ZX", (None,)),
        ("condition", "icd-10-cm|Z90.710"),
        ("organ", "organ|cervix"),
    ],
    "mind": [
        ("number", "loinc|44261-6", "{score}", (3.0, 10.0, 21.0, None)),
        ("number", "loinc|55758-7", "{score}", (1.0, 3.0)),
        ("medication", "rxnorm|312941"),
        ("observation", "loinc|72166-2", ("loinc|LA18976-3", "loinc|LA18978-9", None)),
        ("procedure", "hcpcs|S9453", (None,)),
        ("medication", "rxnorm|198030"),
    ],
    "vaccines": [
        ("immunization", "cvx|140", (None,)),
        ("condition", "icd-10-cm|J45.909"),
        ("condition", "icd-10-cm|B20"),
        ("immunization", "cvx|133", (None,)),
        ("immunization", "cvx|215", (None,)),
        ("immunization", "cvx|33", (None,)),
        ("immunization", "cvx|216", (None,)),
    ],
    "frail": [
        ("condition", "icd-10-cm|R54"),
        ("condition", "icd-10-cm|I50.9"),
        ("medication", "rxnorm|997223"),
        ("encounter", "hcpcs|T2042", (None,)),
        ("stay", "hcpcs|Q5006"),
    ],
}
AGES_THAT_MATTER = (0, 12, 18, 21, 30, 40, 45, 50, 65, 66, 74, 75, 76, 85, 86)


def fill(tables: FlatTables, seed: int, today: date, patients: int = 60) -> None:
    """Fills the tables with that many random patients; the same seed makes the same records."""
    random = Random(seed)
    for number in range(patients):
        patient = _patient(tables, random, f"p{number}", today)
        themes = random.sample(sorted(FACTS), random.choice((1, 1, 2, 3)))
        for _ in range(random.randint(0, 9)):
            _fact(tables, random, patient, random.choice(FACTS[random.choice(themes)]), today)


def _patient(tables: FlatTables, random: Random, patient: str, today: date) -> str:
    if random.random() < 0.05:
        return tables.patient(patient, born=None)
    if random.random() < 0.1:
        low = high = date(random.choice((1960, 1976, 1996, 2004)), 2, 29)
    else:
        low = _near(random, today.replace(year=today.year - random.choice(AGES_THAT_MATTER)), 500)
        low = high = min(low, today)
    if random.random() < 0.1:
        high = low + timedelta(days=364)
    sex = random.choice(("female", "female", "male", None))
    return tables.patient(patient, born=(low, high), sex=sex)


def _near(random: Random, day: date, spread: int) -> date:
    return day + timedelta(days=random.randint(-spread, spread))


def _day(random: Random, today: date) -> date:
    way = random.random()
    if way < 0.1:
        return random.choice(EDGE_DAYS)
    if way < 0.7:
        return _near(random, today - timedelta(days=300), 420)
    return _near(random, today - timedelta(days=1500), 2000)


def _fact(tables: FlatTables, random: Random, patient: str, fact: tuple, today: date) -> None:
    day = _day(random, today)
    kind, *rest = fact
    until = day + timedelta(days=random.randint(0, 900)) if random.random() < 0.4 else None
    if kind == "condition":
        ended = {} if until is None else {"abatement_low": until, "abatement_high": until}
        tables.fact("condition", rest[0], day, patient=patient, **ended)
    elif kind == "medication":
        tables.fact("medication_request", rest[0], day, patient=patient, dispense_end_high=until)
    elif kind == "number":
        code, unit, values = rest
        value = random.choice(values)
        tables.number(code, day, str(value or 6.0), unit if value else None, value, patient=patient)
    elif kind == "pressure":
        tables.blood_pressure(day, *random.choice(rest), patient=patient)
    elif kind == "stay":
        ended = {"status": "in-progress"} if until is None else {"end_low": until, "end_high": until}
        tables.fact("encounter", rest[0], day, patient=patient, **ended)
    elif kind == "organ":
        tables.fact("observation", rest[0], day, patient=patient, value_boolean=random.random() < 0.5)
    else:
        tables.fact(kind, rest[0], day, patient=patient, result=random.choice(rest[1]))
