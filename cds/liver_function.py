"""How far liver disease has gone, as the rules on doses ask for it: the Child–Pugh class, or the span it lies in."""

from __future__ import annotations

from dataclasses import dataclass

from cds.cards import Reason
from cds.coded import active_conditions, codes_of
from cds.dates import months_after
from cds.facts import Facts, MissingFact
from cds.ingredients import rxcui_of
from cds.knowledge import read_toml
from cds.lab_values import LabValue, latest_value, recent_value
from cds.risk.answer import Answer, NotComputed
from cds.risk.child_pugh import child_pugh

MEASURED = {"bilirubin_mg_per_dl": "bilirubin", "albumin_g_per_dl": "albumin", "inr": "inr"}
SIGNS = {"ascites": "ascites", "encephalopathy": "hepatic_encephalopathy"}
CLASSES = ("A", "B", "C")


@dataclass(frozen=True, slots=True)
class LiverState:
    """`least` and `most` bound the Child–Pugh class; None: no cirrhosis recorded. `missing` would narrow the span."""

    has_disease: bool
    least: str | None
    most: str | None
    because: tuple[Reason, ...]
    missing: tuple[str, ...] = ()

    def is_at_least(self, wanted: str) -> bool | None:
        """Whether the class is A, B or C or worse; None where the span does not tell."""
        if self.least is None:
            return False
        if CLASSES.index(self.least) >= CLASSES.index(wanted):
            return True
        return None if CLASSES.index(self.most) >= CLASSES.index(wanted) else False

    @property
    def words(self) -> str:
        if self.least is None:
            return "chronic liver disease is recorded"
        if self.least == self.most:
            return f"Child–Pugh class {self.least}"
        return f"cirrhosis, Child–Pugh class {self.least} or worse"


def liver_state(facts: Facts) -> LiverState:
    """From recorded problems and recent laboratory values. Raises MissingFact where problems cannot be seen."""
    failing = active_conditions(facts, codes_of("decompensated_liver_disease"))
    scarred = active_conditions(facts, codes_of("cirrhosis"))
    diseased = active_conditions(facts, codes_of("chronic_liver_disease"))
    every = dict.fromkeys((*failing, *scarred, *diseased))
    because = tuple(Reason(one.name, None, one.onset, one.reference) for one in every)
    if not failing and not scarred:
        return LiverState(bool(diseased), None, None, because)
    return _graded(facts, because, is_failing=bool(failing))


def _graded(facts: Facts, because: tuple[Reason, ...], *, is_failing: bool) -> LiverState:
    values, missing = _laboratory(facts)
    signs = {sign: bool(active_conditions(facts, codes_of(group))) for sign, group in SIGNS.items()}
    missing += [
        f"how severe the {sign} is" if there else f"whether there is {sign}" for sign, there in signs.items()
    ]
    least, most = _class(_score(values, signs, "best")), _class(_score(values, signs, "worst"))
    if is_failing:
        least = max(least, "B")
    measured = tuple(value.reason(facts.as_of) for value in values.values())
    return LiverState(True, least, most, (*because, *measured), tuple(missing))


def _laboratory(facts: Facts) -> tuple[dict[str, LabValue], list[str]]:
    """The recent values by the equation's names, and what is missing. Under warfarin the INR does not count."""
    months = read_toml("liver.toml")["laboratory_months"]
    values, missing = {}, []
    for name, key in MEASURED.items():
        try:
            if key == "inr" and facts.medications_by_ingredient.get(rxcui_of("warfarin")):
                raise MissingFact("an INR without warfarin")
            values[name] = recent_value(facts, key, months)
        except MissingFact as unknown:
            missing += unknown.what
    return values, missing


def _score(values: dict[str, LabValue], signs: dict[str, bool], which: str) -> Answer:
    supposed = read_toml("liver.toml")[which]
    measured = {name: values[name].value if name in values else supposed[name] for name in MEASURED}
    unrecorded = supposed.get("not_recorded")
    seen = {
        sign: supposed[sign] if there or unrecorded is None else unrecorded for sign, there in signs.items()
    }
    return child_pugh(**measured, **seen)


def _class(answer: Answer) -> str:
    if isinstance(answer, NotComputed):
        raise MissingFact(answer.why.rstrip("."))
    return answer.grade.removeprefix("Class ")


def alt_times_limit(facts: Facts) -> tuple[float, LabValue] | None:
    """The newest ALT as a multiple of the upper limit; None where none is recent. Raises MissingFact if unreadable."""
    known = read_toml("liver.toml")
    value = latest_value(facts, "alt")
    if value is None or value.on < months_after(facts.as_of, -known["laboratory_months"]):
        return None
    return value.value / known["alt_upper_limit_u_per_l"], value
