"""Retrieves: a patient's resources of a type and profile whose code is in a value set, as a semi-join on code keys."""

from __future__ import annotations

import numpy as np

from pipelines.measures.elm.columns import (
    Code,
    Column,
    Concept,
    Interval,
    Listing,
    Null,
    Text,
    alternatives_of,
    offsets_of,
)
from pipelines.measures.elm.conversions import moment_of, system
from pipelines.measures.elm.equality import coded
from pipelines.measures.elm.intervals import RELATIONS, Ends
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.profiles import has_profile
from pipelines.measures.elm.records import Elements, ElementTable
from pipelines.measures.elm.run import Frame, Run, operation
from pipelines.measures.elm.terminology import members

NOT_DONE_VALUE_SETS = (
    "http://hl7.org/fhir/us/qicore/StructureDefinition/qicore-notDoneValueSet",
    "http://hl7.org/fhir/us/quality-core/StructureDefinition/us-quality-core-notDoneValueSet",
    "http://fhir.org/guides/onc/us-quality-core/StructureDefinition/us-quality-core-notDoneValueSet",
    "http://fhir.org/guides/astp/us-quality-core/StructureDefinition/us-quality-core-notDoneValueSet",
)
"""By whichever guide's extension a statement that something was not done names a whole value set."""


@operation("Retrieve")
def retrieve(run: Run, node: Node, frame: Frame) -> Listing:
    table, owners = run.records.table(node["resource"])
    places = np.searchsorted(run.patients, owners)
    here = (places < len(run.patients)) & (run.patients[np.minimum(places, len(run.patients) - 1)] == owners)
    kept = here & has_profile(table, node.get("profile"), declared_only=run.records.declared_only)
    arguments = dict(zip(node["roles"], node.args, strict=True))
    if "codes" in arguments and node.get("code_path"):
        kept &= _coded(run, node, table, arguments["codes"])
    rows = np.flatnonzero(kept)
    found = Listing(offsets_of(np.bincount(places[rows], minlength=frame.rows)), Elements(table, rows))
    if "id" in arguments:
        wanted = run.value(arguments["id"], frame).take(found.owners())
        same = run.equality.equal(system(found.items.part(node["id_path"])), system(wanted))
        found = _only(found, same.values == 1)
    return _dated(run, node, frame, found, arguments["dateRange"]) if "dateRange" in arguments else found


def _coded(run: Run, node: Node, table: ElementTable, codes: Node) -> np.ndarray:
    part = table.part(node["code_path"])
    if codes.op == "ValueSet" and node["comparator"] in ("~", "="):
        return _names_value_set(run, part, codes["url"])
    if codes.op == "ValueSet":
        keys = run.terminology.keys(codes["url"])
    else:
        items = system(run.value(codes, run.constant))
        while isinstance(items, Listing):
            items = items.items
        keys = np.unique(coded(items)[1]) if isinstance(items, Code | Concept) else np.zeros(0, np.int64)
    owners, found = codings_of(part)
    result = np.zeros(len(table), bool)
    result[owners[members(found, keys)]] = True
    return result


def codings_of(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """(row, key) of all codings at a path, whether it is a code, a concept, a list of them or a choice."""
    owners, keys = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for part in alternatives_of(column):
        outer = part.owners() if isinstance(part, Listing) else np.arange(len(part))
        inner = system(part.items if isinstance(part, Listing) else part)
        for one in alternatives_of(inner):
            if isinstance(one, Code | Concept):
                rows, found = coded(one)
                owners.append(outer[rows])
                keys.append(found)
    return np.concatenate(owners), np.concatenate(keys)


def _names_value_set(run: Run, part: Column, url: str) -> np.ndarray:
    """A statement that something was not done names a whole value set, in an extension of the code."""
    result = np.zeros(len(part), bool)
    numbers = [run.texts.number(address) for address in NOT_DONE_VALUE_SETS]
    for one in alternatives_of(part):
        if not isinstance(one, Elements):
            continue
        extensions = one.part("extension")
        if not isinstance(extensions, Listing) or not len(extensions.items):
            continue
        urls, values = system(extensions.items.part("url")), system(extensions.items.part("value"))
        for value in alternatives_of(values):
            if isinstance(urls, Text) and isinstance(value, Text):
                names = run.texts.mapped(value.values, lambda text: text.split("|")[0])
                hit = np.isin(urls.values, numbers) & (names == run.texts.number(url.split("|")[0]))
                result[extensions.owners()[hit]] = True
    return result


def _dated(run: Run, node: Node, frame: Frame, found: Listing, dates: Node) -> Listing:
    """Only those in a date range, where the ELM gives the retrieve one."""
    spans = run.value(dates, frame).take(found.owners())
    value = _date_of(node, found.items)
    kept = np.zeros(len(found.items), bool)
    for part in alternatives_of(value):
        inside = RELATIONS["In"](run.comparer.compare, Ends(part), Ends(spans)).values == 1
        kept |= inside & ~part.nulls()
    return _only(found, kept)


def _date_of(node: Node, items: Column) -> Column:
    """The element that dates a resource, or the interval between two of them."""
    if node.get("date_path"):
        return system(items.part(node["date_path"]))
    paths = node.get("low_path"), node.get("high_path")
    if not any(paths):
        return moment_of(items)
    low, high = (system(items.part(path)) if path else Null(len(items)) for path in paths)
    shut = np.ones(len(items), bool)
    return Interval.between(low, high, shut, shut, shut)


def _only(found: Listing, kept: np.ndarray) -> Listing:
    rows = np.flatnonzero(kept)
    counts = np.bincount(found.owners()[rows], minlength=len(found))
    return Listing(offsets_of(counts), found.items.take(rows))
