"""Makes the rule of one drug on one topic, with the source that `label_topics.toml` states for the topic."""

from __future__ import annotations

import re
from functools import cache

from cds.cards import Rule, Severity, Source, Tier
from cds.knowledge import override_reasons, read_toml


def slug(words: str) -> str:
    """`Penicillin V` as `penicillin_v`: the second part of a rule's id."""
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


@cache
def label_source(topic: str, drug: str, looked_up: str) -> Source:
    """The source of a rule on a topic; raises KeyError for a topic that is not in the file.

    `drug` may name several drugs; `looked_up` is the one word that the address asks for.
    """
    stated = read_toml("label_topics.toml")[topic]
    named = {
        "citation": stated["citation"].format(drug=drug),
        "url": stated["url"].format(drug=looked_up.replace(" ", "+")),
    }
    return Source(**{**stated, **named, "uses": frozenset(stated["uses"])})


def label_rule(
    topic: str,
    drug: str,
    title: str,
    severity: Severity,
    tier: Tier,
    *,
    key: str | None = None,
    looked_up: str | None = None,
) -> Rule:
    """One rule, `topic.drug` (or `topic.key`).

    Every one offers the general override reasons, because a site may make it interrupt.
    """
    source = label_source(topic, drug, looked_up or drug)
    return Rule(
        f"{topic}.{key or slug(drug)}", title, severity, tier, source, override_reasons=override_reasons()
    )


def severity_of(word: str) -> Severity:
    return Severity[word.upper()]


def capital(words: str) -> str:
    """The first letter large, the rest as it is."""
    return words[:1].upper() + words[1:]
