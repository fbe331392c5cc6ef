"""FHIRPath's functions: those over whole collections, and those that ask something of each item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic_core import SchemaError, SchemaValidator, core_schema

from ehr_core.store.fhirpath.nodes import ELSEWHERE, Node, Nodes, Unknown, Walk, all_children, children
from ehr_core.store.fhirpath.parsing import NotUnderstood, Tree
from ehr_core.store.references import named_type

Run = Callable[[Walk, Nodes, Node], Nodes]
"""What is found from a collection; `this` is the item that is looked at."""
Make = Callable[[Sequence[Run], Sequence[Tree]], Run]


def truth(found: Nodes) -> bool | None:
    """A collection as a yes or no: empty is neither, and one value that is no boolean is a yes."""
    if not found:
        return None
    value = found[0].value
    return value if type(value) is bool else True


def as_boolean(value: bool | None) -> Nodes:
    return [] if value is None else [Node(value)]


def alike(left: Node, right: Node, *, loosely: bool = False) -> bool:
    a, b = left.value, right.value
    if type(a) is bool or type(b) is bool:
        return a is b
    if isinstance(a, int | float | Decimal) and isinstance(b, int | float | Decimal):
        return Decimal(str(a)) == Decimal(str(b))
    if loosely and type(a) is str and type(b) is str:
        return " ".join(a.lower().split()) == " ".join(b.lower().split())
    return a == b and (a is not None or left.beside == right.beside)


@lru_cache(maxsize=1024)
def regular_expression(pattern: str) -> SchemaValidator:
    """A matcher in linear time, whatever the pattern: Rust's, which knows no looking back. Raises NotUnderstood."""
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError:
        raise NotUnderstood("has a regular expression that cannot be matched safely") from None


def _whole(act: Callable[[Walk, Nodes], Nodes]) -> Make:
    return lambda inner, trees: lambda walk, given, this: act(walk, given)


def _on_text(act: Callable[..., Any], *, numbers: int = 0) -> Make:
    """A function of one text and of arguments that are texts, but for the first `numbers` of them."""

    def make(inner: Sequence[Run], trees: Sequence[Tree]) -> Run:
        def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
            if len(given) != 1 or type(given[0].value) is not str:
                return []
            walk.spend(1 + len(given[0].value) // 100)
            arguments = []
            for at, argument in enumerate(inner):
                found = argument(walk, [this], this)
                if len(found) != 1 or type(found[0].value) is not (int if at < numbers else str):
                    return []
                arguments.append(found[0].value)
            made = act(given[0].value, *arguments)
            if made is None:
                return []
            return [walk.text(made) if type(made) is str else Node(made)]

        return run

    return make


def _substring(text: str, start: int, length: int | None = None) -> str | None:
    if not 0 <= start < len(text):
        return None
    return text[start:] if length is None else text[start : start + max(length, 0)]


def _replaced(text: str, old: str, new: str) -> str:
    grown = len(text) + text.count(old) * (len(new) - len(old))
    return text.replace(old, new) if grown <= 1_000_000 else "x" * 1_000_001


def _matches(inner: Sequence[Run], trees: Sequence[Tree]) -> Run:
    """The pattern has to stand in the expression itself: one that a resource brings is never run."""
    if trees[0][0] != "literal" or type(trees[0][1]) is not str:
        raise NotUnderstood("takes a regular expression from the resource")
    matcher = regular_expression(trees[0][1])

    def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
        if len(given) != 1 or type(given[0].value) is not str:
            return []
        walk.spend(1 + len(given[0].value) // 100)
        return [Node(matcher.isinstance_python(given[0].value))]

    return run


def _converted(to: type) -> Callable[[Walk, Nodes], Nodes]:
    def act(walk: Walk, given: Nodes) -> Nodes:
        if len(given) != 1 or isinstance(given[0].value, dict | list | type(None)):
            return []
        value = given[0].value
        if to is str:
            return [walk.text(str(value).lower() if type(value) is bool else str(value))]
        if to is bool:
            known = {"true": True, "false": False, "1": True, "0": False}
            return as_boolean(known.get(str(value).lower()))
        text = str(value)
        if len(text) > 30 or not text.lstrip("+-").replace(".", "", 1).isdigit() or not text.isascii():
            return []
        return (
            [Node(int(text))] if to is int and "." not in text else [] if to is int else [Node(Decimal(text))]
        )

    return act


def _distinct(walk: Walk, given: Nodes) -> Nodes:
    walk.spend(len(given) ** 2 // 8)
    return [node for at, node in enumerate(given) if not any(alike(node, each) for each in given[:at])]


def _descendants(walk: Walk, given: Nodes) -> Nodes:
    found, waiting = [], list(given)
    while waiting:
        inner = [child for node in waiting for child in all_children(node)]
        walk.spend(len(inner))
        found += inner
        waiting = inner
    return found


def _resolve(walk: Walk, given: Nodes) -> Nodes:
    """What is contained; of anything else the type that its address names. Nothing is looked up, let alone fetched."""
    found: Nodes = []
    for node in given:
        text = node.value.get("reference") if isinstance(node.value, dict) else node.value
        if not isinstance(text, str):
            raise Unknown
        if text.startswith("#"):
            inner = children(walk.resource, "contained")
            found += [each for each in inner if each.value.get("id") == text[1:]]
        elif (named := named_type(text)) is not None:
            found.append(Node({"resourceType": named}, None, ELSEWHERE))
        else:
            raise Unknown
    return found


def _numbered(decide: Callable[[Nodes, int], Nodes]) -> Make:
    def make(inner: Sequence[Run], trees: Sequence[Tree]) -> Run:
        def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
            found = inner[0](walk, [this], this)
            return decide(given, found[0].value) if found and type(found[0].value) is int else []

        return run

    return make


def _together(decide: Callable[[Walk, Nodes, Nodes], Nodes]) -> Make:
    def make(inner: Sequence[Run], trees: Sequence[Tree]) -> Run:
        def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
            other = inner[0](walk, [this], this)
            walk.spend(len(given) * max(len(other), 1) // 8)
            return decide(walk, given, other)

        return run

    return make


def _within(node: Node, among: Nodes) -> bool:
    return any(alike(node, each) for each in among)


def _extension(inner: Sequence[Run], trees: Sequence[Tree]) -> Run:
    def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
        url = inner[0](walk, [this], this)
        found = [each for node in given for each in children(node, "extension")]
        walk.spend(len(found))
        return [each for each in found if url and each.value.get("url") == url[0].value]

    return run


def _joined(inner: Sequence[Run], trees: Sequence[Tree]) -> Run:
    def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
        between = inner[0](walk, [this], this) if inner else []
        texts = [node.value for node in given if type(node.value) is str]
        walk.spend(sum(map(len, texts)) // 100)
        return [walk.text((between[0].value if between else "").join(texts))]

    return run


def _iif(inner: Sequence[Run], trees: Sequence[Tree]) -> Run:
    def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
        if truth(inner[0](walk, [this], this)):
            return inner[1](walk, [this], this)
        return inner[2](walk, [this], this) if len(inner) > 2 else []

    return run


def _number_act(act: Callable[[Any], Any]) -> Callable[[Walk, Nodes], Nodes]:
    def run(walk: Walk, given: Nodes) -> Nodes:
        fits = len(given) == 1 and type(given[0].value) in (int, float, Decimal)
        return [Node(act(Decimal(str(given[0].value))))] if fits else []

    return run


def _where(inner: Sequence[Run], trees: Sequence[Tree]) -> Run:
    def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
        walk.spend(len(given))
        return [node for node in given if truth(inner[0](walk, [node], node))]

    return run


def _select(inner: Sequence[Run], trees: Sequence[Tree]) -> Run:
    def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
        walk.spend(len(given))
        found = [made for node in given for made in inner[0](walk, [node], node)]
        walk.spend(len(found))
        return found

    return run


def _repeat(inner: Sequence[Run], trees: Sequence[Tree]) -> Run:
    def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
        found: Nodes = []
        waiting = given
        while waiting:
            waiting = [made for node in waiting for made in inner[0](walk, [node], node)]
            walk.spend(1 + len(waiting) * (1 + len(found) // 8))
            seen = {id(node.value) for node in found if isinstance(node.value, dict)}
            waiting = [
                node
                for node in waiting
                if (id(node.value) not in seen if isinstance(node.value, dict) else not _within(node, found))
            ]
            found = found + waiting
        return found

    return run


def _exists(inner: Sequence[Run], trees: Sequence[Tree]) -> Run:
    if not inner:
        return lambda walk, given, this: [Node(bool(given))]
    some = _where(inner, trees)
    return lambda walk, given, this: [Node(bool(some(walk, given, this)))]


def _all(inner: Sequence[Run], trees: Sequence[Tree]) -> Run:
    def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
        walk.spend(len(given))
        return [Node(all(truth(inner[0](walk, [node], node)) for node in given))]

    return run


def _says(decide: Callable[[Nodes], bool]) -> Make:
    return _whole(lambda walk, given: [Node(decide(given))])


def _not(walk: Walk, given: Nodes) -> Nodes:
    found = truth(given)
    return [] if found is None else [Node(not found)]


def _today(walk: Walk, given: Nodes) -> Nodes:
    return [Node(walk.now.date().isoformat())]


OVER_ITEMS: dict[str, tuple[Make, int, int]] = {
    "where": (_where, 1, 1),
    "select": (_select, 1, 1),
    "repeat": (_repeat, 1, 1),
    "exists": (_exists, 0, 1),
    "all": (_all, 1, 1),
}
"""By name: how to make it, and the fewest and most arguments; an argument is asked of each item."""
FUNCTIONS: dict[str, tuple[Make, int, int]] = {
    "empty": (_says(lambda given: not given), 0, 0),
    "not": (_whole(_not), 0, 0),
    "count": (_whole(lambda walk, given: [Node(len(given))]), 0, 0),
    "allTrue": (_says(lambda given: all(node.value is True for node in given)), 0, 0),
    "anyTrue": (_says(lambda given: any(node.value is True for node in given)), 0, 0),
    "allFalse": (_says(lambda given: all(node.value is False for node in given)), 0, 0),
    "anyFalse": (_says(lambda given: any(node.value is False for node in given)), 0, 0),
    "distinct": (_whole(_distinct), 0, 0),
    "isDistinct": (
        _whole(lambda walk, given: [Node(len(_distinct(walk, given)) == len(given))]),
        0,
        0,
    ),
    "first": (_whole(lambda walk, given: given[:1]), 0, 0),
    "last": (_whole(lambda walk, given: given[-1:]), 0, 0),
    "single": (_whole(lambda walk, given: given[:1]), 0, 0),
    "tail": (_whole(lambda walk, given: given[1:]), 0, 0),
    "skip": (_numbered(lambda given, number: given[max(number, 0) :]), 1, 1),
    "take": (_numbered(lambda given, number: given[: max(number, 0)]), 1, 1),
    "union": (_together(lambda walk, given, other: _distinct(walk, given + other)), 1, 1),
    "combine": (_together(lambda walk, given, other: given + other), 1, 1),
    "intersect": (
        _together(lambda walk, given, other: _distinct(walk, [n for n in given if _within(n, other)])),
        1,
        1,
    ),
    "exclude": (_together(lambda walk, given, other: [n for n in given if not _within(n, other)]), 1, 1),
    "subsetOf": (
        _together(lambda walk, given, other: [Node(all(_within(node, other) for node in given))]),
        1,
        1,
    ),
    "supersetOf": (
        _together(lambda walk, given, other: [Node(all(_within(node, given) for node in other))]),
        1,
        1,
    ),
    "iif": (_iif, 2, 3),
    "children": (
        _whole(lambda walk, given: [child for node in given for child in all_children(node)]),
        0,
        0,
    ),
    "descendants": (_whole(_descendants), 0, 0),
    "resolve": (_whole(_resolve), 0, 0),
    "extension": (_extension, 1, 1),
    "hasValue": (
        _says(lambda given: len(given) == 1 and not isinstance(given[0].value, dict | type(None))),
        0,
        0,
    ),
    "trace": (lambda inner, trees: lambda walk, given, this: given, 1, 2),
    "toInteger": (_whole(_converted(int)), 0, 0),
    "toDecimal": (_whole(_converted(Decimal)), 0, 0),
    "toString": (_whole(_converted(str)), 0, 0),
    "toBoolean": (_whole(_converted(bool)), 0, 0),
    "length": (_on_text(len), 0, 0),
    "upper": (_on_text(str.upper), 0, 0),
    "lower": (_on_text(str.lower), 0, 0),
    "trim": (_on_text(str.strip), 0, 0),
    "startsWith": (_on_text(str.startswith), 1, 1),
    "endsWith": (_on_text(str.endswith), 1, 1),
    "contains": (_on_text(lambda text, part: part in text), 1, 1),
    "indexOf": (_on_text(str.find), 1, 1),
    "substring": (_on_text(_substring, numbers=2), 1, 2),
    "replace": (_on_text(_replaced), 2, 2),
    "matches": (_matches, 1, 1),
    "join": (_joined, 0, 1),
    "abs": (_whole(_number_act(abs)), 0, 0),
    "today": (_whole(_today), 0, 0),
    "now": (_whole(lambda walk, given: [Node(walk.now.isoformat())]), 0, 0),
}
