"""Writes docs/reference/recommendations.md from the packs, so that the page cannot say something else."""

from __future__ import annotations

from collections.abc import Iterator

from data_contracts.guidelines import definitions, guidelines, patient_text
from data_contracts.guidelines.criterion import Criterion
from data_contracts.guidelines.pack import Measure, Pack
from data_contracts.valuesets import value_set

INTRODUCTION = """# Recommendations and measures

This page is written from the packs in `data_contracts/guidelines`; change a pack, then write it again
(`python -m data_contracts.guidelines.reference`). A recommendation says what is due for a person; a measure counts
over a period. They share facts, not eligibility.

Only what happened counts: final, amended or corrected results, completed procedures and vaccinations, confirmed
problems, visits that took place, dated on or before the day that is asked about. Orders never count.
A source marked *memory* has not been checked against the original; nothing based on it is shown to patients.
"""

EXCLUSIONS = """
## Exclusions

Any one way is enough; within a way everything is needed.
"""


def recommendations_page() -> str:
    """The whole page as Markdown."""
    lines = [INTRODUCTION, *_overview(), *_exclusions()]
    for pack in definitions().values():
        lines += _topic(pack)
    return "\n".join(lines).rstrip() + "\n"


def _overview() -> Iterator[str]:
    yield "| topic | for | version | basis | patients see |"
    yield "| --- | --- | --- | --- | --- |"
    for pack in definitions().values():
        seen = ", ".join(kind for kind in pack.gap_kinds if pack.visible_to_patient(kind)) or "nothing"
        people = "; ".join(population.words for population in pack.population)
        yield f"| [{pack.title}](#{_anchor(pack.title)}) | {people} | {pack.version} | {pack.basis} | {seen} |"


def _anchor(title: str) -> str:
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -")
    return kept.replace(" ", "-")


def _exclusions() -> Iterator[str]:
    yield EXCLUSIONS
    for exclusion in guidelines().exclusions.values():
        yield f"- **{exclusion.title}.** {exclusion.why}"
        for way in exclusion.ways:
            age = f"from {way.age_at_least} years on: " if way.age_at_least else ""
            yield f"  - {age}{' and '.join(_criterion(criterion) for criterion in way.all_of)}"


def _criterion(criterion: Criterion) -> str:
    sets = "; ".join(
        f"{value_set(recorded.value_set).title} ({', '.join(place.replace('_', ' ') for place in recorded.places)})"
        for recorded in criterion.recorded
    )
    return f"{sets}, {criterion.counts_for.words} (measure: {criterion.window.words})"


def _topic(pack: Pack) -> Iterator[str]:
    yield f"\n## {pack.title}\n"
    yield f"`{pack.id}`, version {pack.version}, reviewed {pack.reviewed_on}.\n"
    yield pack.purpose.strip() + "\n"
    yield from (
        f"- Source ({source.basis}): {source.organization}, *{source.title}*, {source.published}. {source.says}"
        for source in pack.source
    )
    yield from (f"- For: {population.words}" for population in pack.population)
    yield f"- Unless: {'; '.join(guidelines().exclusions[name].title.lower() for name in pack.exclusions)}"
    yield from (f"- Counts: {evidence.title}: {_criterion(evidence)}" for evidence in pack.evidence)
    if pack.goal:
        yield f"- Goal: {pack.goal.words}; looked at again after {pack.goal.recheck_months} months"
    for abnormal in pack.abnormal:
        answers = "; ".join(follow_up.title for follow_up in abnormal.follow_up)
        yield f"- {abnormal.words}: within {abnormal.deadline_days} days {answers[:1].lower()}{answers[1:]}"
    for kind in pack.gap_kinds:
        step = pack.next_step[kind]
        orders = "".join(f" `{order.system} {order.code}`" for order in step.orders)
        yield f"- Next step when *{kind}* (priority {step.priority}): {step.words}{orders}"
        if text := patient_text(pack.id, kind):
            yield f"  - patients read: “{text.title}. {text.words} {text.what_to_do}”"
    yield from _measure(pack, pack.measure)


def _measure(pack: Pack, measure: Measure) -> Iterator[str]:
    yield f"\n**Measure: {measure.title}** ({measure.period.replace('_', ' ')}, {measure.improvement} is better)\n"
    yield f"- Denominator: {measure.denominator}"
    names = pack.exclusions if measure.exclusions is None else measure.exclusions
    yield f"- Excluded: {'; '.join(guidelines().exclusions[name].title.lower() for name in names)}; died in the period"
    if measure.exceptions:
        titles = "; ".join(guidelines().exclusions[name].title.lower() for name in measure.exceptions)
        yield f"- Excepted when the numerator is not met: {titles}"
    yield f"- Numerator: {measure.numerator}"


if __name__ == "__main__":
    print(recommendations_page(), end="")
