"""What must be true of a pack beyond its fields, each breach as a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from data_contracts.guidelines.criterion import Exclusion
from data_contracts.guidelines.pack import Pack


def breaches(pack: Pack, exclusions: dict[str, Exclusion], reasons: dict[str, str]) -> Iterator[str]:
    """Every sentence that says what is wrong with the pack; none when it is sound."""
    yield from _exclusions(pack, exclusions)
    yield from _evidence(pack)
    yield from _kinds(pack)
    yield from _patient(pack)
    yield from _reasons(pack, exclusions, reasons)


def _exclusions(pack: Pack, exclusions: dict[str, Exclusion]) -> Iterator[str]:
    named = (*pack.exclusions, *(pack.measure.exclusions or ()), *pack.measure.exceptions)
    for name in named:
        if name not in exclusions:
            yield f"It names the exclusion '{name}', which exclusions.toml does not describe."


def _evidence(pack: Pack) -> Iterator[str]:
    populations = {population.id for population in (*pack.population, *pack.measure.populations)}
    known = {evidence.id for evidence in pack.evidence}
    for evidence in pack.evidence:
        for population in set(evidence.populations) - populations:
            yield f"The evidence '{evidence.id}' names the population '{population}', which it does not have."
    for abnormal in pack.abnormal:
        for name in set(abnormal.evidence) - known:
            yield f"The abnormal result '{abnormal.id}' names the evidence '{name}', which it does not have."
        if not abnormal.result_in and abnormal.number_at_least is None:
            yield f"The abnormal result '{abnormal.id}' needs result_in or number_at_least."


def _kinds(pack: Pack) -> Iterator[str]:
    if (pack.kind == "control") != (pack.goal is not None):
        yield "A control topic has a goal, and only a control topic has one."
    if pack.kind == "control" and len(pack.evidence) != 1:
        yield "A control topic has exactly one evidence: its most recent value decides."
    seasonal = all(evidence.counts_for.mode == "season" for evidence in pack.evidence)
    if pack.asked_from_month and not seasonal:
        yield "It is asked for in a season, so all of its evidence counts for 'this season'."
    for kind in pack.gap_kinds:
        if kind not in pack.next_step:
            yield f"It can raise '{kind}' but has no next step for it."
        if kind not in pack.patient_visible:
            yield f"It can raise '{kind}' but does not say whether the patient sees it."
    for kind in set(pack.next_step) | set(pack.patient_visible) | set(pack.patient):
        if kind not in pack.gap_kinds:
            yield f"It has words for '{kind}', which it can never raise."


def _patient(pack: Pack) -> Iterator[str]:
    for kind, visible in pack.patient_visible.items():
        if visible and pack.basis == "memory":
            yield f"It is based on memory, so '{kind}' must not be visible to patients until it is checked."
        if visible and kind not in pack.patient:
            yield f"Patients see '{kind}' but there are no patient words for it."
    for kind, words in pack.patient.items():
        for text in (words.en, words.es):
            if "overdue" in f"{text.title} {text.words} {text.what_to_do}".lower():
                yield f"The patient words for '{kind}' say 'overdue'. Say 'We have no record of' instead."
        if kind == "due" and "no record of" not in words.en.words:
            yield "The patient words for 'due' must say 'no record of': we only know what was recorded."
    for source in pack.source:
        if source.basis == "seen" and not source.seen_at:
            yield f"The source '{source.title}' says it was seen, but not where (seen_at)."


def _reasons(pack: Pack, exclusions: dict[str, Exclusion], reasons: dict[str, str]) -> Iterator[str]:
    for code in pack.reasons:
        if code not in reasons and code not in exclusions:
            yield f"It words the reason '{code}', which no engine gives."
