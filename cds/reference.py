"""Tells the rules as a page of the docs: each with its grade, tier, source and review status, and what is covered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from cds.cards import DEVELOPER, FUNDING, NOT_REVIEWED, Rule, Tier
from cds.coverage import coverage
from cds.engine import registry
from cds.oversight import ONE_IN
from cds.pairs import TOPIC, pairs

BAR, ESCAPED = "|", "\\|"
HEAD = f"""# Decision support

Rules look at facts of one patient and at what is proposed, and answer with cards. A rule *fires*, *does not fire*, or
*could not be checked*; the last says what is missing and is never silence. Nothing here writes to a record.

| tier | what it does |
| --- | --- |
| 1 | interrupts; going on needs a coded reason |
| 2 | stands inline |
| 3 | is passive: a line to open |

Contraindicated pairs interrupt. Serious ones stand inline unless they are marked 1: interruptions have a budget of one
order in {ONE_IN}, which is reported and never holds a card back. A site may retire a rule or move it to another tier
with a reason, a name and an end within a year; what is contraindicated and what warns of anaphylaxis takes two people.

Checks look at the whole record. What a restricted part of it says to a reader who may not see it becomes one masked
card, `restricted_record.bears_on_order`, with grade and tier and without drug, diagnosis or rule.

**No alert does not mean no interaction.** What is not listed here is not known here. Excipients, food, herbs and doses
of drugs that are not listed are not checked.

## Source attributes

- Developer: {DEVELOPER}.
- Funding: {FUNDING}
- Review: "{NOT_REVIEWED}" holds for every rule where nothing else is written.
- Source: each rule names its own. *Read* means that it was open when the rule was written; where that is not said, the
  rule was written from memory and still has to be compared with its source.
- Use of personal attributes: the column "uses" names age, sex, race and the like where a rule looks at them.

This page is written by `almoner reference decision-support` from the rules themselves; a test holds it to them.
"""


def decision_support_page() -> str:
    rules = sorted(registry().rules.values(), key=lambda rule: (rule.topic, rule.id))
    topics = {topic: list(found) for topic, found in groupby(rules, key=lambda rule: rule.topic)}
    sections = [section for topic, found in topics.items() for section in _topic(topic, found)]
    return "\n".join([HEAD, *_counts(topics), *sections]) + "\n"


def _counts(topics: dict[str, list[Rule]]) -> Iterator[str]:
    count = coverage()
    yield from (
        "## What is covered",
        "",
        "| topic | rules | interrupting | reviewed |",
        "| --- | --- | --- | --- |",
    )
    for topic, rules in topics.items():
        loud = sum(rule.tier is Tier.INTERRUPTS for rule in rules)
        reviewed = sum(not rule.source.is_unreviewed for rule in rules)
        yield f"| {_words(topic)} | {len(rules)} | {loud} | {reviewed} |"
    listed = sum(pair.listed_as is not None for pair in pairs())
    yield from (
        "",
        f"Drug interactions: {count.pairs} entries between {count.ingredients} ingredients, which make "
        f"{count.ingredient_pairs:,} pairs of ingredients. {listed} entries are the ONC high-priority list's; its pair "
        "21 (QT with QT), which names no drugs, is `qt-high-any`.",
    )


def _topic(topic: str, rules: list[Rule]) -> Iterator[str]:
    """A table of the topic's rules; above it for whom they are, when they were written, and a source shared by all."""
    yield from ("", f"## {_words(topic)}", "", *_shared(rules), "")
    one_source = len({rule.source for rule in rules}) == 1
    columns = ("rule", "about", "grade", "tier", "uses", *(() if one_source else ("source",)))
    yield from (_row(columns), _row(["---"] * len(columns)))
    for rule in rules:
        name = f"`{rule.id.partition('.')[2]}`"
        cells = (name, rule.title, rule.severity.word, f"{rule.tier:d}", _uses(rule))
        yield _row(cells if one_source else (*cells, _source(rule)))
    if topic == TOPIC:
        yield from ("", *_management())


def _shared(rules: list[Rule]) -> Iterator[str]:
    people = sorted({rule.source.population for rule in rules})
    written = max(rule.source.written_on for rule in rules)
    yield f"- For: {'; '.join(people)}."
    yield f"- Written: {written.isoformat()}."
    reviews = sorted({rule.source.review for rule in rules})
    yield f"- Review: {' '.join(reviews)}"
    if len({rule.source for rule in rules}) == 1:
        yield f"- Source: {_source(rules[0])}."


def _management() -> Iterator[str]:
    columns = ("interaction", "why", "what can happen", "what to do")
    yield from (_row(columns), _row(["---"] * len(columns)))
    for pair in pairs():
        yield _row((f"`{pair.rule.id.partition('.')[2]}`", pair.mechanism, pair.effect, pair.management))


def _source(rule: Rule) -> str:
    """The citation as a link, its dates, and whether it was read."""
    source = rule.source
    dates = (
        source.published_on and f"published {source.published_on}",
        source.revised_on and f"revised {source.revised_on}",
    )
    named = f"[{source.citation}]({source.url})" if source.url else source.citation
    return ", ".join(one for one in (named, *dates, "read" if source.basis == "seen" else "") if one)


def _uses(rule: Rule) -> str:
    return ", ".join(sorted(one.replace("_", " ") for one in rule.source.uses))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(one.replace(BAR, ESCAPED) for one in cells)} |"


def _words(topic: str) -> str:
    return topic.replace("_", " ").capitalize()
