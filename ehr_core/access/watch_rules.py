"""Which acts in the audit log call for a look: rules over sets of acts. Pure: acts, facts, thresholds in; findings out.

An act counts once. A rule counts within its window, a stretch of time that ends at an act: the window holds what is
less than its minutes before that act.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any, Literal
from zoneinfo import ZoneInfo

Severity = Literal["look", "serious"]
Thresholds = Mapping[str, Mapping[str, Any]]

LOOKS = frozenset({"read", "vread", "history", "everything", "patient_record"})
"""Acts that open something of one record; so does each that ends as LOOK_ENDINGS say."""
LOOK_ENDINGS = ("_read", ".read")
NO_LOOK = frozenset(
    {"audit_read", "own_accounting_read", "accounting_read", "chart_rules_read", "access_log_read"}
)
IPV4_NETWORK, IPV6_NETWORK = 24, 48
"""Bits that two addresses of one network share."""


@dataclass(frozen=True)
class Act:
    """One audit row, as far as the rules ask. `patients` are those whose record it opened."""

    at: datetime
    account_id: str | None
    act: str
    outcome: str = "success"
    patients: tuple[str, ...] = ()
    address: str | None = None

    @property
    def is_look(self) -> bool:
        return (
            self.outcome == "success"
            and bool(self.patients)
            and self.act not in NO_LOOK
            and (self.act in LOOKS or self.act.endswith(LOOK_ENDINGS))
        )


@dataclass(frozen=True)
class Facts:
    """What bears on the acts: `surnames` of accounts, `namesakes` as (account, patient) of one family name, `treats` as
    (account, patient) who belong together, `labelled` patients by label, `roles` of accounts."""

    zone: str
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    namesakes: frozenset[tuple[str, str]] = frozenset()
    treats: frozenset[tuple[str, str]] = frozenset()
    labelled: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """`about` names whom or what, so that one alert grows instead of many being raised."""

    rule: str
    about: str
    severity: Severity
    acts: int
    first_at: datetime
    last_at: datetime
    account_id: str | None = None
    address: str | None = None
    patients: tuple[str, ...] = ()


Rule = Callable[[Sequence[Act], Facts, Mapping[str, Any]], Iterator[Finding]]


def findings(acts: Iterable[Act], facts: Facts, thresholds: Thresholds) -> list[Finding]:
    """Everything that the rules find among these acts, the earliest first; a storm of one rule as one finding."""
    ordered = sorted(acts, key=lambda act: act.at)
    found: list[Finding] = []
    for name, rule in RULES.items():
        of_rule = list(rule(ordered, facts, thresholds[name]))
        most = thresholds["storm"]["alerts_of_a_rule"]
        found += of_rule if len(of_rule) <= most else [_storm(name, of_rule)]
    return sorted(found, key=lambda one: (one.first_at, one.rule, one.about))


def same_surname(acts: Sequence[Act], facts: Facts, limits: Mapping[str, Any]) -> Iterator[Finding]:
    yield from _charts(
        "same_surname", acts, limits, lambda who, whose: (who, whose) in facts.namesakes - facts.treats
    )


def well_known_chart(acts: Sequence[Act], facts: Facts, limits: Mapping[str, Any]) -> Iterator[Finding]:
    marked = frozenset().union(*(facts.labelled.get(label, frozenset()) for label in limits["labels"]))
    yield from _charts(
        "well_known_chart",
        acts,
        limits,
        lambda who, whose: whose in marked and (who, whose) not in facts.treats,
    )


def bulk_look_ups(acts: Sequence[Act], facts: Facts, limits: Mapping[str, Any]) -> Iterator[Finding]:
    for account, looks in _by_account(act for act in acts if act.is_look):
        allowed = max(
            (limits["charts_of_role"].get(role, limits["charts"]) for role in facts.roles.get(account, ())),
            default=limits["charts"],
        )
        window = _fullest(looks, limits, lambda some: len(_patients(some)))
        if len(_patients(window)) >= allowed:
            serious = len(_patients(window)) >= max(limits["serious_charts"], allowed)
            yield _finding("bulk_look_ups", account, window, serious)


def impossible_hours(acts: Sequence[Act], facts: Facts, limits: Mapping[str, Any]) -> Iterator[Finding]:
    zone, begin, end = ZoneInfo(facts.zone), limits["from_hour"], limits["to_hour"]

    def at_night(act: Act) -> bool:
        hour = act.at.astimezone(zone).hour
        return hour >= begin or hour < end if begin > end else begin <= hour < end

    for account, looks in _by_account(act for act in acts if act.is_look and at_night(act)):
        if set(facts.roles.get(account, ())) & set(limits["roles_at_night"]):
            continue
        window = _fullest(looks, limits, len)
        if len(window) >= limits["acts"]:
            yield _finding("impossible_hours", account, window, len(window) >= limits["serious_acts"])


def impossible_places(acts: Sequence[Act], facts: Facts, limits: Mapping[str, Any]) -> Iterator[Finding]:
    for account, signed in _by_account(act for act in acts if act.act == "signed_in" and act.address):
        window = _fullest(signed, limits, lambda some: len(_networks(some)))
        if len(_networks(window)) >= limits["networks"]:
            serious = len(_networks(window)) >= limits["serious_networks"]
            yield _finding("impossible_places", account, window, serious)


def repeated_refusals(acts: Sequence[Act], facts: Facts, limits: Mapping[str, Any]) -> Iterator[Finding]:
    """Of one account; without one (before anybody is signed in) of one address."""
    refused: dict[tuple[str, str], list[Act]] = defaultdict(list)
    for act in acts:
        if act.outcome == "refused" and (act.account_id or act.address):
            kind = "account" if act.account_id else "address"
            refused[kind, act.account_id or act.address or ""].append(act)
    for (kind, whom), some in refused.items():
        window = _fullest(some, limits, len)
        if len(window) >= limits["refusals"]:
            serious = len(window) >= limits["serious_refusals"]
            account, address = (whom, None) if kind == "account" else (None, whom)
            yield _finding("repeated_refusals", account, window, serious, address=address, about=whom)


def glass_cluster(acts: Sequence[Act], facts: Facts, limits: Mapping[str, Any]) -> Iterator[Finding]:
    broken = [act for act in acts if act.act == "glass_broken" and act.outcome == "success"]
    for account, some in _by_account(broken):
        window = _fullest(some, limits, len)
        if len(window) >= limits["by_one_account"]:
            yield _finding("glass_cluster", account, window, len(window) >= limits["serious"])
    by_chart: dict[str, list[Act]] = defaultdict(list)
    for act in broken:
        for patient in act.patients:
            by_chart[patient].append(act)
    for patient, some in by_chart.items():
        window = _fullest(some, limits, lambda each: len({act.account_id for act in each}))
        people = len({act.account_id for act in window})
        if people >= limits["at_one_chart"]:
            serious = people >= limits["serious"]
            yield _finding(
                "glass_cluster", None, window, serious, about=f"chart {patient}", patients=(patient,)
            )


RULES: dict[str, Rule] = {
    "same_surname": same_surname,
    "well_known_chart": well_known_chart,
    "bulk_look_ups": bulk_look_ups,
    "impossible_hours": impossible_hours,
    "impossible_places": impossible_places,
    "repeated_refusals": repeated_refusals,
    "glass_cluster": glass_cluster,
}


def _charts(
    rule: str, acts: Sequence[Act], limits: Mapping[str, Any], counts: Callable[[str, str], bool]
) -> Iterator[Finding]:
    """Charts of a kind that one account opened, each counted once."""
    for account, looks in _by_account(act for act in acts if act.is_look):
        marked = [
            Act(act.at, account, act.act, patients=tuple(one for one in act.patients if counts(account, one)))
            for act in looks
        ]
        window = _fullest([act for act in marked if act.patients], limits, lambda some: len(_patients(some)))
        charts = len(_patients(window))
        if charts >= limits["charts"]:
            yield _finding(rule, account, window, charts >= limits["serious_charts"])


def _by_account(acts: Iterable[Act]) -> Iterator[tuple[str, list[Act]]]:
    found: dict[str, list[Act]] = defaultdict(list)
    for act in acts:
        if act.account_id:
            found[act.account_id].append(act)
    yield from found.items()


def _fullest(
    acts: Sequence[Act], limits: Mapping[str, Any], size: Callable[[Sequence[Act]], int]
) -> list[Act]:
    """The window with the most in it; empty without acts. Acts are in the order of time."""
    span, start, best, most = timedelta(minutes=limits["window_minutes"]), 0, [], 0
    for end, act in enumerate(acts):
        while act.at - acts[start].at >= span:
            start += 1
        if end + 1 == len(acts) or acts[end + 1].at - acts[start].at >= span:
            window = list(acts[start : end + 1])
            if size(window) > most:
                best, most = window, size(window)
    return best


def _patients(acts: Iterable[Act]) -> set[str]:
    return {patient for act in acts for patient in act.patients}


def _networks(acts: Iterable[Act]) -> set[str]:
    return {network_of(act.address) for act in acts if act.address}


def network_of(address: str) -> str:
    """The network of an address; what is no address is its own."""
    try:
        bits = IPV4_NETWORK if ip_address(address).version == 4 else IPV6_NETWORK
    except ValueError:
        return address
    return str(ip_network(f"{address}/{bits}", strict=False))


def _finding(
    rule: str,
    account: str | None,
    acts: Sequence[Act],
    serious: bool,
    *,
    address: str | None = None,
    about: str | None = None,
    patients: tuple[str, ...] | None = None,
) -> Finding:
    whose = tuple(sorted(_patients(acts))) if patients is None else patients
    severity: Severity = "serious" if serious else "look"
    return Finding(
        rule, about or account or "", severity, len(acts), acts[0].at, acts[-1].at, account, address, whose
    )


def _storm(rule: str, found: Sequence[Finding]) -> Finding:
    return Finding(
        rule,
        "many at once",
        "serious",
        sum(one.acts for one in found),
        min(one.first_at for one in found),
        max(one.last_at for one in found),
    )
