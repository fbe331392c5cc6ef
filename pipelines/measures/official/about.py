"""What the screens and the core know of an official measure: made from its Measure and from the compiled logic."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping

from data_contracts.api.official_measures import OfficialMeasure, OfficialPopulation
from data_contracts.official import known_of
from pipelines.measures.elm.counted import observing
from pipelines.measures.elm.engine import Compiled, Engine, deep_enough
from pipelines.measures.elm.explain import Names, explain_node
from pipelines.measures.elm.measure import Group, Population, extension_of
from pipelines.measures.elm.packages import cut_value_sets
from pipelines.measures.elm.survey import data_requirements, reachable

NOTATION = "improvementNotation"
LONGEST_EXPLANATION = 6_000
"""Characters of one definition in the intermediate form; the whole of it is told by `almoner measures explain`."""
LONGEST_WORDS = 3_000


def about(engine: Engine, compiled: Compiled) -> list[OfficialMeasure]:
    """One entry a group: a measure of several groups has several rates."""
    content = engine.package.measures[compiled.measure.name]
    groups = {one.get("id") or f"Group_{at}": one for at, one in enumerate(content.get("group", []), 1)}
    return [_group(engine, compiled, group, content, groups[group.id]) for group in compiled.measure.groups]


def measure_id_of(compiled: Compiled, group: Group) -> str:
    """The measure's name, with the group's number where there are several."""
    groups = compiled.measure.groups
    name = compiled.measure.name
    return name if len(groups) == 1 else f"{name}.{groups.index(group) + 1}"


def _group(
    engine: Engine, compiled: Compiled, group: Group, content: Mapping, written: Mapping
) -> OfficialMeasure:
    measure, known = compiled.measure, known_of(compiled.measure.name)
    nodes = list(compiled.criteria[group.id].values())
    titled = " ".join(measure.title.split()) or measure.name
    title = re.sub(r"\s*FHIR$", "", titled)
    number = measure.groups.index(group) + 1
    parts = [*written.get("population", []), *written.get("stratifier", [])]
    said = {one.get("id"): _words(one.get("description")) for one in parts}
    named, made_for = OfficialPopulation, {one.id: one.of for one in observing(group)}
    populations = [
        named(
            id=one.id,
            code=one.code,
            definition=one.expression,
            words=said.get(one.id, ""),
            aggregate=one.aggregate,
            of=made_for.get(one.id),
        )
        for one in group.populations
    ]
    populations += [
        named(
            id=one.id,
            code="stratifier",
            definition=one.expression or ", ".join(name for _, name in one.components),
            words=said.get(one.id, ""),
        )
        for one in group.stratifiers
    ]
    purpose = _words(content.get("description") or content.get("purpose")) or said.get(
        group.populations[0].id, ""
    )
    matters = content.get("rationale") or content.get("clinicalRecommendationStatement")
    value_sets = list(compiled.program.value_sets)
    return OfficialMeasure(
        measure_id=measure_id_of(compiled, group),
        name=measure.name,
        group_id=group.id,
        version=measure.version,
        title=title if len(measure.groups) == 1 else f"{title} ({number} of {len(measure.groups)})",
        url=measure.url,
        scoring=group.scoring,
        basis=group.basis,
        improvement=known.improvement or _improvement(content, written),
        populations=populations,
        supplemental={
            one.get("id") or f"sde-{at}": one.get("criteria", {}).get("expression", "")
            for at, one in enumerate(content.get("supplementalData", []), 1)
        },
        aggregate=next((one.aggregate for one in group.of("measure-observation")), None),
        unit=group.unit,
        purpose=purpose,
        why_it_matters=_words(matters) or _numerator_words(group.populations, said) or purpose,
        source=_words(content.get("publisher")) or _host(measure.url),
        definitions=dict(_explained(compiled, group)),
        reads=sorted({kind for kind, _, _ in data_requirements(reachable(nodes))}),
        code_systems=sorted(_systems(engine, value_sets)),
        cut_value_sets=cut_value_sets(engine.package, value_sets),
        asks_like=known.asks_like,
    )


def _improvement(content: Mapping, written: Mapping) -> str:
    """As the group says it, or else the measure, by the extension or the element; more is better if nobody does."""
    for holder in (written, content):
        coded = holder.get(NOTATION, {}).get("coding", [{}])[0].get("code")
        for said in (extension_of(holder, NOTATION), coded):
            if said in ("increase", "decrease"):
                return said
    return "increase"


def _numerator_words(populations: tuple[Population, ...], said: Mapping[str, str]) -> str:
    return next((said[one.id] for one in populations if one.code == "numerator" and said.get(one.id)), "")


def _explained(compiled: Compiled, group: Group) -> Iterator[tuple[str, str]]:
    program, expressions = compiled.program, {one.id: one.expression for one in group.populations}
    with deep_enough():
        for name, node in compiled.criteria[group.id].items():
            text = explain_node(node, Names(program.named, program.called))
            yield expressions.get(name, name), text[:LONGEST_EXPLANATION]


def _systems(engine: Engine, urls: list[str]) -> set[str]:
    found = (engine.package.value_set(url) for url in urls)
    return {system for one in found if one is not None for system, _ in one.codes if system}


def _words(text: str | None) -> str:
    return " ".join(html.unescape(text or "").split())[:LONGEST_WORDS]


def _host(url: str) -> str:
    return url.split("/")[2] if url.count("/") >= 2 else ""
