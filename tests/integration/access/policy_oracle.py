"""The policy on charts once more, in plain Python and from the words of the docs, to compare the database with."""

from __future__ import annotations

from dataclasses import dataclass, field

LABELS = ("HIV", "SUD", "PSY")


@dataclass(frozen=True)
class Rule:
    patient: str
    effect: str
    subject_kind: str
    subject: str | None
    label: str | None
    even_in_emergency: bool
    in_force: bool


@dataclass
class World:
    """Who asks, and everything that bears on what they may see."""

    account: str
    roles: tuple[str, ...]
    reach: str
    sees: frozenset[str]
    one: str | None
    panel: set[str] = field(default_factory=set)
    site: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    rules: list[Rule] = field(default_factory=list)


def chart_opens(world: World, patient: str) -> bool:
    """A denial wins; then role, panel, site, an allowance or broken glass lets in."""
    if world.one is not None and patient != world.one:
        return False
    if world.reach == "none":
        return False
    about = [rule for rule in _for_me(world, patient) if rule.label is None]
    if any(_holds(rule, world, patient) for rule in about if rule.effect == "deny"):
        return False
    let_in = {
        "all": True,
        "site": patient in world.panel | world.site,
        "panel": patient in world.panel,
    }[world.reach]
    return let_in or patient in world.broken or any(rule.effect == "allow" for rule in about)


def item_opens(world: World, patient: str, labels: tuple[str, ...]) -> bool:
    """An item of an open chart: every label of it has to be seen, allowed or opened in an emergency; none denied."""
    if not chart_opens(world, patient):
        return False
    about = [rule for rule in _for_me(world, patient) if rule.label in labels]
    if any(_holds(rule, world, patient) for rule in about if rule.effect == "deny"):
        return False
    allowed = {rule.label for rule in about if rule.effect == "allow"}
    everything = "*" in world.sees or patient in world.broken
    return everything or set(labels) <= world.sees | allowed


def _for_me(world: World, patient: str) -> list[Rule]:
    return [
        rule
        for rule in world.rules
        if rule.patient == patient
        and rule.in_force
        and (
            rule.subject_kind == "everyone"
            or (rule.subject_kind == "account" and rule.subject == world.account)
            or (rule.subject_kind == "role" and rule.subject in world.roles)
        )
    ]


def _holds(rule: Rule, world: World, patient: str) -> bool:
    return rule.even_in_emergency or patient not in world.broken
