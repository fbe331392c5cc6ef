"""Text: joining, splitting, searching and comparing with patterns."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from pipelines.measures.elm.columns import Bool, Column, Int, Listing, Null, Text, offsets_of
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.nodes import Node
from pipelines.measures.elm.run import Frame, Run, operation


@operation("Concatenate", "Combine")
def concatenate(run: Run, node: Node, frame: Frame) -> Column:
    columns = [system(column) for column in run.args(node, frame)]
    if node.op == "Combine":
        return _combine(run, columns, frame.rows)
    pieces = [column.values if isinstance(column, Text) else np.full(frame.rows, -1) for column in columns]
    rows = np.stack(pieces)
    texts = [
        None if (column < 0).any() else "".join(run.texts.strings[number] for number in column)
        for column in rows.T
    ]
    return Text(run.texts.numbered(texts))


def _combine(run: Run, columns: list[Column], rows: int) -> Column:
    source = columns[0]
    if not isinstance(source, Listing) or not isinstance(source.items, Text):
        return Null(rows)
    given = columns[1].values if len(columns) > 1 and isinstance(columns[1], Text) else np.full(rows, -1)
    separators = [run.texts.string(int(number)) or "" for number in given]
    ends = source.offsets
    words = [
        [
            run.texts.strings[number]
            for number in source.items.values[ends[row] : ends[row + 1]]
            if number >= 0
        ]
        for row in range(rows)
    ]
    return Text(
        run.texts.numbered(by.join(one) if one else None for by, one in zip(separators, words, strict=True))
    )


@operation("Split")
def split(run: Run, node: Node, frame: Frame) -> Listing:
    parts = dict(zip(node["roles"], (system(column) for column in run.args(node, frame)), strict=True))
    source, separator = parts["stringToSplit"], parts["separator"]
    if not isinstance(source, Text) or not isinstance(separator, Text):
        return Listing(np.zeros(frame.rows + 1, np.int64), Null(0), np.zeros(frame.rows, bool))
    words = [
        run.texts.strings[text].split(run.texts.strings[by]) if text >= 0 and by >= 0 else []
        for text, by in zip(source.values.tolist(), separator.values.tolist(), strict=True)
    ]
    counts = np.array([len(one) for one in words], np.int64)
    items = Text(run.texts.numbered(word for one in words for word in one))
    return Listing(offsets_of(counts), items, source.values >= 0)


@operation("Upper", "Lower")
def change_case(run: Run, node: Node, frame: Frame) -> Column:
    column = system(run.value(node.args[0], frame))
    change = str.upper if node.op == "Upper" else str.lower
    return Text(run.texts.mapped(column.values, change)) if isinstance(column, Text) else Null(frame.rows)


@operation("StartsWith", "EndsWith", "Matches", "PositionOf")
def text_test(run: Run, node: Node, frame: Frame) -> Column:
    first, second = (system(column) for column in run.args(node, frame))
    if not isinstance(first, Text) or not isinstance(second, Text):
        return Null(frame.rows)
    pairs = [
        (run.texts.string(int(one)), run.texts.string(int(two)))
        for one, two in zip(first.values, second.values, strict=True)
    ]
    known = np.array([None not in pair for pair in pairs], bool)
    test = TEXT_TESTS[node.op]
    values = [test(*pair) if ok else 0 for pair, ok in zip(pairs, known, strict=True)]
    if node.op == "PositionOf":
        return Int(np.array(values, np.int64), known)
    return Bool.of(np.array(values, bool), known)


def _matches(text: str, pattern: str) -> bool:
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error:
        return False


TEXT_TESTS: dict[str, Callable] = {
    "StartsWith": str.startswith,
    "EndsWith": str.endswith,
    "Matches": _matches,
    "PositionOf": lambda pattern, text: text.find(pattern),
}


@operation("Substring")
def substring(run: Run, node: Node, frame: Frame) -> Column:
    parts = dict(zip(node["roles"], (system(column) for column in run.args(node, frame)), strict=True))
    source, start, length = parts["stringToSub"], parts["startIndex"], parts.get("length")
    texts = []
    for row in range(frame.rows):
        text = run.texts.string(int(source.values[row])) if isinstance(source, Text) else None
        at = int(start.values[row]) if isinstance(start, Int) and start.known[row] else -1
        if text is None or not 0 <= at < len(text):
            texts.append(None)
            continue
        size = int(length.values[row]) if isinstance(length, Int) and length.known[row] else len(text)
        texts.append(text[at : at + size])
    return Text(run.texts.numbered(texts))


@operation("Length")
def length(run: Run, node: Node, frame: Frame) -> Column:
    column = system(run.value(node.args[0], frame))
    if isinstance(column, Listing):
        return Int(column.counts, np.ones(frame.rows, bool))
    if isinstance(column, Text):
        sizes = [0 if number < 0 else len(run.texts.strings[number]) for number in column.values.tolist()]
        return Int(np.array(sizes, np.int64), column.values >= 0)
    return Int(np.zeros(frame.rows), np.zeros(frame.rows, bool))


def _parts(run: Run, node: Node, frame: Frame) -> list[list[str | None]]:
    """The operands' strings, row by row; null for what is no text."""
    columns = [system(column) for column in run.args(node, frame)]
    return [
        [run.texts.string(int(number)) for number in column.values]
        if isinstance(column, Text)
        else [None] * frame.rows
        for column in columns
    ]


@operation("ReplaceMatches")
def replace_matches(run: Run, node: Node, frame: Frame) -> Text:
    rows = zip(*_parts(run, node, frame), strict=True)
    return Text(run.texts.numbered(None if None in row else _replaced(*row) for row in rows))


def _replaced(text: str, pattern: str, by: str) -> str | None:
    try:
        return re.sub(pattern, re.sub(r"\$(\d)", r"\\\1", by), text)
    except re.error:
        return None


@operation("LastPositionOf")
def last_position(run: Run, node: Node, frame: Frame) -> Int:
    rows = list(zip(*_parts(run, node, frame), strict=True))
    known = np.array([None not in row for row in rows], bool)
    return Int(np.array([text.rfind(part) if text and part else -1 for part, text in rows], np.int64), known)


@operation("SplitOnMatches", "ToChars")
def split_otherwise(run: Run, node: Node, frame: Frame) -> Listing:
    parts = _parts(run, node, frame)
    by_pattern = node.op == "SplitOnMatches"
    words = [
        [] if None in row else (re.split(row[1], row[0]) if by_pattern else list(row[0]))
        for row in zip(*parts, strict=True)
    ]
    counts = np.array([len(one) for one in words], np.int64)
    known = np.array([None not in row for row in zip(*parts, strict=True)], bool)
    return Listing(offsets_of(counts), Text(run.texts.numbered(word for one in words for word in one)), known)
