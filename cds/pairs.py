"""Pairs of drugs that should not simply meet: read from cds/knowledge/interactions and indexed by ingredient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from cds.cards import Rule, Severity, Source, Tier
from cds.ingredients import resolve
from cds.knowledge import FOLDER, override_reasons, read_toml

FOLDER_NAME = "interactions"
TOPIC = "drug_interactions"
LABELS_AT = "https://dailymed.nlm.nih.gov/dailymed/search.cfm?labeltype=human&query="
USUAL_TIER = {
    Severity.CONTRAINDICATED: Tier.INTERRUPTS,
    Severity.SERIOUS: Tier.INLINE,
    Severity.MONITOR: Tier.INLINE,
    Severity.INFORMATION: Tier.PASSIVE,
}


@dataclass(frozen=True)
class Pair:
    """One written interaction between any of `one` and any of `other` (RxNorm ingredients).

    `concern` names what can happen: of several pairs with one concern between two drugs only the gravest is shown.
    `any_route` are ingredients that count on the skin, in the eye or inhaled too; `washout_days` tells how long after
    its end an ingredient still counts. `watch` are analytes whose last value belongs on the card.
    """

    rule: Rule
    one: frozenset[str]
    other: frozenset[str]
    concern: str
    mechanism: str
    effect: str
    management: str
    watch: tuple[str, ...] = ()
    any_route: frozenset[str] = frozenset()
    washout_days: tuple[tuple[str, int], ...] = ()
    listed_as: str | None = None

    @property
    def weight(self) -> tuple[int, int]:
        """Lower is graver."""
        return (self.rule.severity, self.rule.tier)

    def meetings(self) -> Iterator[tuple[str, str]]:
        """Every ordered pair of different ingredients that this is about."""
        for first in self.one:
            for second in self.other - {first}:
                yield first, second
                yield second, first


@cache
def pairs() -> tuple[Pair, ...]:
    """All written pairs, in the order of files and lines."""
    names = sorted(path.name for path in (FOLDER / FOLDER_NAME).glob("*.toml"))
    files = [read_toml(f"{FOLDER_NAME}/{name}") for name in names]
    return tuple(_read(entry, file) for file in files for entry in file["pair"])


@cache
def pairs_by_ingredient() -> dict[str, dict[str, tuple[Pair, ...]]]:
    """For an ingredient and a second one, the pairs between them, gravest first."""
    index: dict[str, dict[str, dict[str, Pair]]] = {}
    for pair in pairs():
        for first, second in pair.meetings():
            index.setdefault(first, {}).setdefault(second, {})[pair.rule.id] = pair
    return {
        first: {second: _gravest_first(found.values()) for second, found in partners.items()}
        for first, partners in index.items()
    }


@cache
def washouts_by_ingredient() -> dict[str, dict[str, int]]:
    """For each ingredient that counts after its end: the days, by rule id."""
    found: dict[str, dict[str, int]] = {}
    for pair in pairs():
        for rxcui, days in pair.washout_days:
            found.setdefault(rxcui, {})[pair.rule.id] = days
    return found


def _gravest_first(found: Iterable[Pair]) -> tuple[Pair, ...]:
    return tuple(sorted(found, key=lambda pair: pair.weight))


def _read(entry: dict[str, Any], file: dict[str, Any]) -> Pair:
    severity = Severity[entry["severity"].upper()]
    rule = Rule(
        id=f"{TOPIC}.{entry['id']}",
        title=entry.get("title") or f"{_listed(entry['one'])} with {_listed(entry['other'])}",
        severity=severity,
        tier=Tier(entry["tier"]) if "tier" in entry else USUAL_TIER[severity],
        source=_source(entry, file),
        override_reasons=override_reasons("interaction"),
    )
    return Pair(
        rule=rule,
        one=resolve(entry["one"]),
        other=resolve(entry["other"]),
        concern=entry["concern"],
        mechanism=entry["mechanism"],
        effect=entry["effect"],
        management=entry["management"],
        watch=tuple(entry.get("watch", ())),
        any_route=resolve(entry.get("any_route", ())),
        washout_days=_washout(entry.get("washout", {})),
        listed_as=entry.get("listed_as"),
    )


def _washout(written: dict[str, int]) -> tuple[tuple[str, int], ...]:
    """A later line wins, so that one drug may be told apart from its class."""
    return tuple({rxcui: days for name, days in written.items() for rxcui in resolve([name])}.items())


def _source(entry: dict[str, Any], file: dict[str, Any]) -> Source:
    if "citation" in file:
        return Source(
            citation=f"{file['citation']} ({entry['listed_as']})",
            url=file["url"],
            published_on=file["published_on"],
            written_on=file["written_on"],
            basis=file["basis"],
        )
    return Source(
        citation=f"US prescribing information: {entry['label']}, section {entry['section']}",
        url=LABELS_AT + quote(entry["label"].split(" (")[0].split(",")[0]),
        written_on=entry.get("written_on", file["written_on"]),
        basis=entry.get("basis", "memory"),
    )


def _listed(written: list[str]) -> str:
    """The names of a title: classes by their title, at most three drugs by name."""
    classes = read_toml("classes.toml")
    words = [classes[one[1:]]["title"] if one.startswith("@") else one for one in written]
    shown = words if len(words) <= 3 else [*words[:2], f"{len(words) - 2} more"]
    return " / ".join(shown)
