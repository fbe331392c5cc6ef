"""Compiles FHIRPath trees to functions over a resource's JSON. Nothing is fetched, and work is bounded.

`compiled` refuses what it cannot evaluate, so that a rule is either checked as written or said to be unchecked.
Source: FHIRPath 2.0.0, with FHIR R4's additions that need no server.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ehr_core.store.dates import bounds
from ehr_core.store.fhirpath.functions import FUNCTIONS, OVER_ITEMS, Run, alike, as_boolean, truth
from ehr_core.store.fhirpath.nodes import Node, Nodes, TooMuchWork, Walk, children
from ehr_core.store.fhirpath.parsing import NotUnderstood, Tree, parsed
from ehr_core.store.fhirpath.scope import Scope, scope_of
from ehr_core.store.primitives import problem_with

CONSTANTS = {
    "ucum": "http://unitsofmeasure.org",
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
}


class Compiled:
    """An expression, ready to be asked of any element of any resource."""

    def __init__(self, run: Run, scope: Scope, *, asks_presence: bool = False):
        self._run = run
        self._asks_presence = asks_presence
        self.scope = scope

    def of(self, walk: Walk, this: Node | None = None) -> Nodes:
        """What it finds, from `this` or from the whole resource. Raises TooMuchWork and Unknown."""
        start = this or walk.resource
        try:
            return self._run(walk, [start], start)
        except RecursionError:
            raise TooMuchWork from None

    def holds(self, walk: Walk, this: Node | None = None) -> bool:
        """Whether a rule holds. Raises TooMuchWork and Unknown.

        An empty answer is no breach, as of a comparison with what is not there; but `telecom or endpoint` asks for one.
        """
        found = truth(self.of(walk, this))
        return not self._asks_presence if found is None else found


@lru_cache(maxsize=4096)
def compiled(expression: str) -> Compiled:
    """Raises NotUnderstood, naming what is not evaluated here."""
    try:
        tree = parsed(expression)
        return Compiled(_run(tree, first=True), scope_of(tree), asks_presence=_asks_presence(tree))
    except RecursionError:
        raise NotUnderstood("is nested too deeply") from None


def _asks_presence(tree: Tree) -> bool:
    """True for elements joined by `or`, of which one has to be there."""
    if tree[:2] == ("both", "or"):
        return _asks_presence(tree[2]) and _asks_presence(tree[3])
    return tree[0] == "name" or (tree[0] == "step" and _asks_presence(tree[1]) and _asks_presence(tree[2]))


def _run(tree: Tree, *, first: bool = False) -> Run:
    """`first`: the name may be the type of the context itself, as in 'Patient.name'."""
    return MAKERS[tree[0]](tree, first)


def _literal(tree: Tree, first: bool) -> Run:
    found = [Node(tree[1])]
    return lambda walk, given, this: found


def _nothing(tree: Tree, first: bool) -> Run:
    return lambda walk, given, this: []


def _constant(tree: Tree, first: bool) -> Run:
    name = tree[1]
    if name == "$this":
        return lambda walk, given, this: [this]
    if name in ("resource", "rootResource"):
        return lambda walk, given, this: [walk.resource]
    if name == "context":
        return lambda walk, given, this: [this]
    if name in CONSTANTS:
        return _literal(("literal", CONSTANTS[name]), first)
    raise NotUnderstood(f"uses '{name[:20]}', which is not known here")


def _name(tree: Tree, first: bool) -> Run:
    name = tree[1]

    def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
        walk.spend(len(given))
        if len(given) == 1:
            node = given[0]
            if (
                first
                and name[0].isupper()
                and isinstance(node.value, dict)
                and node.value.get("resourceType") == name
            ):
                return given
            found = children(node, name)
            walk.spend(len(found))
            return found
        found = [child for node in given for child in children(node, name)]
        walk.spend(len(found))
        return found

    return run


def _step(tree: Tree, first: bool) -> Run:
    left, right = _run(tree[1], first=first), _run(tree[2])
    return lambda walk, given, this: right(walk, left(walk, given, this), this)


def _item(tree: Tree, first: bool) -> Run:
    left, index = _run(tree[1], first=first), _run(tree[2], first=True)

    def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
        found, at = left(walk, given, this), index(walk, [this], this)
        number = at[0].value if at and type(at[0].value) is int else -1
        return found[number : number + 1] if number >= 0 else []

    return run


def _call(tree: Tree, first: bool) -> Run:
    name, arguments = tree[1], tree[2]
    if name in ("ofType", "as", "is"):
        return _typed(name, arguments[0][1], lambda walk, given, this: given)
    if name in OVER_ITEMS:
        make, low, high = OVER_ITEMS[name]
        inner = [_run(argument, first=True) for argument in arguments]
    elif name in FUNCTIONS:
        make, low, high = FUNCTIONS[name]
        inner = [_run(argument, first=True) for argument in arguments]
    else:
        raise NotUnderstood(f"calls '{name[:30]}', which is not evaluated here")
    if not low <= len(arguments) <= high:
        raise NotUnderstood(f"gives '{name}' {len(arguments)} arguments")
    return make(inner, arguments)


def _type(tree: Tree, first: bool) -> Run:
    return _typed(tree[1], tree[3], _run(tree[2], first=first))


def _typed(operator: str, name: str, left: Run) -> Run:
    if operator == "is":

        def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
            found = left(walk, given, this)
            return [Node(found[0].is_of(name))] if len(found) == 1 else []

        return run
    return lambda walk, given, this: [node for node in left(walk, given, this) if node.is_of(name)]


def _sign(tree: Tree, first: bool) -> Run:
    inner = _run(tree[2], first=first)

    def run(walk: Walk, given: Nodes, this: Node) -> Nodes:
        found = inner(walk, given, this)
        return [Node(-found[0].value)] if len(found) == 1 and _number(found[0].value) else []

    return run


def _both(tree: Tree, first: bool) -> Run:
    operator = tree[1]
    left, right = _run(tree[2], first=True), _run(tree[3], first=True)
    if operator in LOGIC:
        decide = LOGIC[operator]

        def logical(walk: Walk, given: Nodes, this: Node) -> Nodes:
            return as_boolean(decide(truth(left(walk, given, this)), lambda: truth(right(walk, given, this))))

        return logical
    if operator == "|":

        def union(walk: Walk, given: Nodes, this: Node) -> Nodes:
            both = left(walk, given, this) + right(walk, given, this)
            walk.spend(len(both) ** 2 // 8)
            return [node for at, node in enumerate(both) if not any(alike(node, e) for e in both[:at])]

        return union
    act = OPERATORS[operator]
    return lambda walk, given, this: act(walk, left(walk, given, this), right(walk, given, this))


def _number(value: Any) -> bool:
    return type(value) in (int, float, Decimal)


def _equal(walk: Walk, left: Nodes, right: Nodes) -> Nodes:
    if not left or not right:
        return []
    walk.spend(len(left) + len(right))
    same = len(left) == len(right) and all(alike(a, b) for a, b in zip(left, right, strict=True))
    return [Node(same)]


def _not(act: Callable[[Walk, Nodes, Nodes], Nodes]) -> Callable[[Walk, Nodes, Nodes], Nodes]:
    def run(walk: Walk, left: Nodes, right: Nodes) -> Nodes:
        found = act(walk, left, right)
        return [Node(not found[0].value)] if found else []

    return run


def _equivalent(walk: Walk, left: Nodes, right: Nodes) -> Nodes:
    if len(left) != len(right):
        return [Node(False)]
    walk.spend(len(left) ** 2)
    return [Node(all(any(alike(a, b, loosely=True) for b in right) for a in left))]


def _compare(decide: Callable[[int], bool]) -> Callable[[Walk, Nodes, Nodes], Nodes]:
    def run(walk: Walk, left: Nodes, right: Nodes) -> Nodes:
        if len(left) != 1 or len(right) != 1:
            return []
        order = _order(left[0].value, right[0].value)
        return [] if order is None else [Node(decide(order))]

    return run


def _order(left: Any, right: Any) -> int | None:
    """-1, 0 or 1; None where it cannot be said, as of dates of different precision that overlap."""
    if isinstance(left, dict) and isinstance(right, dict) and left.get("code") == right.get("code"):
        left, right = left.get("value"), right.get("value")
    if _number(left) and _number(right):
        first, second = Decimal(str(left)), Decimal(str(right))
        return (first > second) - (first < second)
    if type(left) is not str or type(right) is not str:
        return None
    if not problem_with("dateTime", left) and not problem_with("dateTime", right):
        (low, high), (other_low, other_high) = bounds(left, "UTC"), bounds(right, "UTC")
        if (low, high) == (other_low, other_high):
            return 0
        return -1 if high < other_low else 1 if low > other_high else None
    return (left > right) - (left < right)


def _calculate(decide: Callable[[Any, Any], Any]) -> Callable[[Walk, Nodes, Nodes], Nodes]:
    def run(walk: Walk, left: Nodes, right: Nodes) -> Nodes:
        if len(left) != 1 or len(right) != 1:
            return []
        first, second = left[0].value, right[0].value
        if type(first) is str and type(second) is str and decide is _add:
            return [walk.text(first + second)]
        if not (_number(first) and _number(second)) or max(abs(first), abs(second)) > 10**18:
            return []
        found = decide(Decimal(str(first)), Decimal(str(second)))
        if found is None:
            return []
        whole = found == int(found) and (decide is not _divide)
        return [Node(int(found) if whole else found)]

    return run


def _add(a: Any, b: Any) -> Any:
    return a + b


def _divide(a: Any, b: Any) -> Any:
    return a / b if b else None


def _joined(walk: Walk, left: Nodes, right: Nodes) -> Nodes:
    parts = [nodes[0].value if nodes and type(nodes[0].value) is str else "" for nodes in (left, right)]
    return [walk.text("".join(parts))]


def _in(walk: Walk, left: Nodes, right: Nodes) -> Nodes:
    if len(left) != 1:
        return []
    walk.spend(len(right))
    return [Node(any(alike(left[0], each) for each in right))]


def _and(left: bool | None, right: Callable[[], bool | None]) -> bool | None:
    if left is False:
        return False
    other = right()
    return False if other is False else None if None in (left, other) else True


def _or(left: bool | None, right: Callable[[], bool | None]) -> bool | None:
    if left is True:
        return True
    other = right()
    return True if other is True else None if None in (left, other) else False


def _xor(left: bool | None, right: Callable[[], bool | None]) -> bool | None:
    other = right()
    return None if left is None or other is None else left != other


def _implies(left: bool | None, right: Callable[[], bool | None]) -> bool | None:
    return _or(None if left is None else not left, right)


LOGIC = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}
OPERATORS: dict[str, Callable[[Walk, Nodes, Nodes], Nodes]] = {
    "=": _equal,
    "!=": _not(_equal),
    "~": _equivalent,
    "!~": _not(_equivalent),
    "<": _compare(lambda order: order < 0),
    "<=": _compare(lambda order: order <= 0),
    ">": _compare(lambda order: order > 0),
    ">=": _compare(lambda order: order >= 0),
    "+": _calculate(_add),
    "-": _calculate(lambda a, b: a - b),
    "*": _calculate(lambda a, b: a * b),
    "/": _calculate(_divide),
    "div": _calculate(lambda a, b: a // b if b else None),
    "mod": _calculate(lambda a, b: a % b if b else None),
    "&": _joined,
    "in": _in,
    "contains": lambda walk, left, right: _in(walk, right, left),
}
MAKERS: dict[str, Callable[[Tree, bool], Run]] = {
    "literal": _literal,
    "nothing": _nothing,
    "constant": _constant,
    "name": _name,
    "step": _step,
    "item": _item,
    "call": _call,
    "type": _type,
    "sign": _sign,
    "both": _both,
}
