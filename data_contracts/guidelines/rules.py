"""Compiles packs into rule tables: what the engines join facts with, one row a rule, no Python in between.

Both engines read the same tables, so a recommendation and a measure of one topic cannot mean different facts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

import pyarrow as pa

from data_contracts.guidelines import definitions, guidelines
from data_contracts.guidelines.criterion import FHIR_TYPES, Criterion, Exclusion, Recorded
from data_contracts.guidelines.duration import read_duration
from data_contracts.guidelines.pack import Abnormal, Evidence, Pack, Population
from data_contracts.guidelines.rule_columns import PERIOD_DAYS, RULE_COLUMNS
from data_contracts.valuesets import value_set, value_sets
from ehr_core.kernel.errors import BadRequest

ORGAN_FACTS = {
    organ: Criterion(
        recorded=(Recorded.model_validate({"value_set": f"organ_{organ}", "in": ["observation"]}),),
        counts_for=read_duration("ever"),
    )
    for organ in ("breast", "cervix")
}
OUTCOME_WORDS = {
    "positive_result": "positive",
    "breast_abnormal": "needs more work-up",
    "colon_finding": "finding in the colon",
    "cervical_abnormal": "abnormal",
    "breast_inconclusive": "inconclusive",
    "tobacco_user": "uses tobacco",
    "tobacco_non_user": "does not use tobacco",
    "negative_result": "negative",
}
"""How a coded result is said, worst first: a report with both is said as the worse."""
OUTCOME_NUMBERS = {name: number for number, name in enumerate(OUTCOME_WORDS)}
SOURCE_NUMBERS = {
    source: number
    for number, source in enumerate((name, place) for name in value_sets() for place in FHIR_TYPES)
}
"""A number for codes of a value set in a kind of record: the same in every compiled set of rules."""


Spans = tuple[tuple[str, date, date, date], ...]
"""Of each period its name, first day, last day, and the last day of it that has come."""


@dataclass
class Rules:
    """The rule tables of some topics, as rows by table name."""

    rows: dict[str, list[tuple]] = field(default_factory=lambda: {name: [] for name in RULE_COLUMNS})
    _criteria: dict[Any, int] = field(default_factory=dict)
    _exclusions: dict[tuple[str, str], int] = field(default_factory=dict)
    _built: dict[str, pa.Table] = field(default_factory=dict)
    _built_for: Spans | None = None

    def tables(self, spans: Spans | None = None) -> dict[str, pa.Table]:
        """The rule tables as Arrow, empty ones included, so that every statement finds its tables.

        `spans` are the days of each period. Built once, and again for other days.
        """
        if not self._built or self._built_for != spans:
            days = [("", None, None, None), *(() if spans is None else spans)]
            self._built = {name: _arrow(name, rows, days) for name, rows in self.rows.items()}
            self._built_for = spans
        return self._built

    def criterion(self, criterion: Criterion, period: str) -> int:
        """The number of a criterion, added on first use. The same facts over another period are another one."""
        key = (criterion.model_dump_json(exclude={"id", "title"}), period)
        if key not in self._criteria:
            self._criteria[key] = len(self._criteria)
            self._add_criterion(self._criteria[key], criterion, period)
        return self._criteria[key]

    def _add_criterion(self, number: int, criterion: Criterion, period: str) -> None:
        counts, window = criterion.counts_for, criterion.window
        for recorded in criterion.recorded:
            for place in recorded.places:
                self.rows["rule_criterion"].append(
                    (
                        number,
                        SOURCE_NUMBERS[(recorded.value_set, place)],
                        recorded.value_set,
                        place,
                        counts.mode,
                        counts.months,
                        window.mode,
                        window.months_before,
                        None
                        if criterion.age_at_least_at_test is None
                        else 12 * criterion.age_at_least_at_test,
                        criterion.needs_number,
                        outcome_bits(criterion.needs_result_in) if criterion.needs_result_in else None,
                        ", ".join(criterion.needs_result_in),
                        criterion.number_at_least,
                        criterion.number_unit,
                        period,
                    )
                )

    def population(self, pack: Pack, rank: int, population: Population, period: str) -> None:
        organ, condition = population.organ, population.condition
        self.rows["rule_population"].append(
            (
                topic_number(pack.id),
                rank,
                population.id,
                population.from_months,
                population.until_months,
                None if organ is None else self.criterion(ORGAN_FACTS[organ], period),
                None if condition is None else self.criterion(condition, period),
                pack.measure.age_on,
                period,
            )
        )

    def exclusion(self, topic: str, rank: int, role: str, exclusion: Exclusion, period: str) -> None:
        name = (exclusion.id, period)
        known = name in self._exclusions
        number = self._exclusions.setdefault(name, len(self._exclusions))
        self.rows["rule_topic_exclusion"].append((topic_number(topic), number, exclusion.id, rank, role))
        if known:
            return
        for way, needed in enumerate(exclusion.ways):
            months = None if needed.age_at_least is None else 12 * needed.age_at_least
            for criterion in needed.all_of:
                self.rows["rule_exclusion"].append(
                    (
                        number,
                        exclusion.id,
                        way,
                        len(needed.all_of),
                        self.criterion(criterion, period),
                        months,
                        period,
                    )
                )

    def evidence(self, pack: Pack, populations: Iterable[Population], period: str) -> None:
        ranks = {population.id: rank for rank, population in enumerate(populations)}
        alternatives = list(dict.fromkeys(evidence.alternative for evidence in pack.evidence))
        for evidence in pack.evidence:
            number = self.criterion(_plain(evidence), period)
            same = [e.part for e in pack.evidence if e.alternative == evidence.alternative]
            parts = list(dict.fromkeys(same))
            for rank in [ranks[name] for name in evidence.populations if name in ranks] or [None]:
                self.rows["rule_evidence"].append(
                    (
                        topic_number(pack.id),
                        rank,
                        alternatives.index(evidence.alternative),
                        parts.index(evidence.part),
                        len(parts),
                        number,
                        evidence.waiting,
                        evidence.id,
                    )
                )

    def abnormal(self, pack: Pack, abnormal: Abnormal, period: str, within: int | None) -> None:
        """Looks at the evidence's results at any age: a test that came too early to count may still be abnormal.

        `within`: the days in which a measure wants the follow-up.
        """
        number, topic = len(self.rows["rule_abnormal"]), topic_number(pack.id)
        named = [evidence for evidence in pack.evidence if evidence.id in abnormal.evidence]
        looked_at = [_plain(evidence).model_copy(update={"age_at_least_at_test": None}) for evidence in named]
        for criterion in dict.fromkeys(self.criterion(evidence, period) for evidence in looked_at):
            self.rows["rule_abnormal"].append(
                (
                    number,
                    abnormal.id,
                    topic,
                    criterion,
                    abnormal.number_at_least,
                    outcome_bits(abnormal.result_in),
                    ", ".join(abnormal.result_in),
                    abnormal.only_latest,
                    abnormal.relevant_for_months,
                    abnormal.deadline_days,
                    within,
                )
            )
            self.rows["rule_watch"].append((topic, criterion))
        for follow_up in abnormal.follow_up:
            criterion = self.criterion(_plain(follow_up), period)
            self.rows["rule_follow_up"].append((number, criterion, follow_up.earliest_day))
            self.rows["rule_watch"].append((topic, criterion))

    def watch_everything(self) -> None:
        """Watches every criterion of every topic: in a period only a new fact changes an answer, whichever it is."""
        rows = self.rows
        needed = set(rows["rule_watch"]) | {(row[0], row[5]) for row in rows["rule_evidence"]}
        needed |= {(row[0], row[place]) for row in rows["rule_population"] for place in (5, 6)}
        for topic, exclusion, *_ in rows["rule_topic_exclusion"]:
            needed |= {(topic, row[4]) for row in rows["rule_exclusion"] if row[0] == exclusion}
        rows["rule_watch"] = sorted((topic, number) for topic, number in needed if number is not None)

    @property
    def sources(self) -> list[tuple[int, str, str]]:
        """Number, value set and kind of record of everything that a criterion counts."""
        return [row[1:4] for row in self.rows["rule_criterion"]]

    def codes(self) -> None:
        """Adds the codes of every value set that a rule names, by the kind of record where it counts."""
        for number, place, name in sorted({(number, place, name) for number, name, place in self.sources}):
            for code in value_set(name).codes:
                self.rows["rule_prefix" if code.is_prefix else "rule_code"].append(
                    (number, place, name, code.system.uri, code.code)
                )
        if any(row[10] for row in self.rows["rule_criterion"]) or any(
            row[5] for row in self.rows["rule_abnormal"]
        ):
            self.rows["rule_outcome"] = [
                (OUTCOME_NUMBERS[name], name, words, code.system.uri, code.code)
                for name, words in OUTCOME_WORDS.items()
                for code in value_set(name).codes
            ]


def topic_number(topic: str) -> int:
    """A number for a topic, the same in every compiled set of rules."""
    return list(definitions()).index(topic)


def outcome_number(name: str) -> int:
    """A number for a set of results; raises BadRequest when nothing says how to word such a result."""
    if name not in OUTCOME_NUMBERS:
        raise BadRequest(f"Results in '{name}' have no words. Give them some in OUTCOME_WORDS.")
    return OUTCOME_NUMBERS[name]


def outcome_bits(names: Iterable[str]) -> int:
    """Sets of results as one number, a bit a set."""
    return sum(1 << outcome_number(name) for name in set(names))


def _topic_row(pack: Pack, below: float | None, diastolic_below: float | None) -> tuple:
    """`below`: the limits of the goal, where the topic has one."""
    goal = pack.goal
    asked = (topic_number(pack.id), pack.id, pack.version, pack.kind, pack.asked_from_month)
    if goal is None:
        return (*asked, None, None, None, None)
    return (*asked, goal.unit, below, diastolic_below, goal.recheck_months)


def _plain(criterion: Criterion) -> Criterion:
    """The criterion alone, without what only its pack needs, so that equal facts share one number."""
    return Criterion(**{name: getattr(criterion, name) for name in Criterion.model_fields})


def _arrow(name: str, rows: list[tuple], days: Iterable[tuple]) -> pa.Table:
    """The rows with the days of their period, which is their last column where the table has such days."""
    columns = RULE_COLUMNS[name]
    wanted = [PERIOD_DAYS.index(column) for column in columns if column in PERIOD_DAYS]
    if wanted:
        known = {period: tuple(bounds[place] for place in wanted) for period, *bounds in days}
        nothing = known[""]
        rows = [(*row, *known.get(row[-1], nothing)) for row in rows]
    data = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return pa.table(
        {
            column: pa.array(values, type=kind)
            for (column, kind), values in zip(columns.items(), data, strict=True)
        }
    )


@lru_cache(maxsize=64)
def recommendation_rules(only: frozenset[str] | None = None) -> Rules:
    """The rules of the recommendations, of all topics or only those named. Compiled once."""
    rules = Rules()
    for pack in _chosen(only):
        limits = (pack.goal.below, pack.goal.diastolic_below) if pack.goal else (None, None)
        rules.rows["rule_topic"].append(_topic_row(pack, *limits))
        for rank, population in enumerate(pack.population):
            rules.population(pack, rank, population, "")
        for rank, name in enumerate(pack.exclusions):
            rules.exclusion(pack.id, rank, "exclusion", guidelines().exclusions[name], "")
        rules.evidence(pack, pack.population, "")
        for abnormal in pack.abnormal:
            rules.abnormal(pack, abnormal, "", None)
    rules.codes()
    return rules


@lru_cache(maxsize=64)
def measure_rules(only: frozenset[str] | None = None) -> Rules:
    """The rules of the measures, of all topics or only those named. Compiled once."""
    rules = Rules()
    for pack in _chosen(only):
        measure, period = pack.measure, pack.measure.period
        within = measure.abnormal_needs_follow_up_within_days
        rules.rows["rule_topic"].append(_topic_row(pack, *_measured_limits(pack)))
        populations = measure.populations or pack.population
        for rank, population in enumerate(populations):
            rules.population(pack, rank, population, period)
        names = pack.exclusions if measure.exclusions is None else measure.exclusions
        for rank, name in enumerate(names):
            rules.exclusion(pack.id, rank, "exclusion", guidelines().exclusions[name], period)
        for rank, name in enumerate(measure.exceptions):
            rules.exclusion(pack.id, rank, "exception", guidelines().exclusions[name], period)
        counted = pack.model_copy(update={"evidence": tuple(e for e in pack.evidence if e.in_measure)})
        rules.evidence(counted, populations, period)
        for abnormal in pack.abnormal if within is not None else ():
            rules.abnormal(pack, abnormal, period, within)
    rules.watch_everything()
    rules.codes()
    return rules


def _measured_limits(pack: Pack) -> tuple[float | None, float | None]:
    """A measure may have its own limits; otherwise the goal's."""
    if pack.goal is None:
        return (None, None)
    measure, goal = pack.measure, pack.goal
    return (measure.goal_below or goal.below, measure.goal_diastolic_below or goal.diastolic_below)


def _chosen(only: frozenset[str] | None) -> list[Pack]:
    return [pack for topic, pack in definitions().items() if only is None or topic in only]


__all__ = ["Evidence", "Rules", "measure_rules", "recommendation_rules"]
