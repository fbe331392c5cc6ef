"""Programs: a measure's ELM libraries compiled to nodes, with includes, functions and names resolved.

What cannot be compiled becomes an `Unsupported` node with its place, so that the rest of the measure still runs and the
import can list what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ehr_core.kernel.errors import AlmonerError, BadRequest, NotFound
from pipelines.measures.elm.fhir_model import resource_types
from pipelines.measures.elm.natives import native
from pipelines.measures.elm.nodes import Aggregate, Node, Nodes, Place, Query, Relation, SortKey, reachable
from pipelines.measures.elm.packages import Package
from pipelines.measures.elm.run import OPERATIONS
from pipelines.measures.elm.type_names import named, options, type_text

DEEPEST = 60
"""Functions that call each other deeper than this are taken for recursion, which CQL does not have."""
UNTYPED = {"valueset": "ValueSetRef", "codesystem": "CodeSystemRef"}
"""Operands that ELM writes without a type."""
ORDER = {
    name: place
    for place, name in enumerate(
        (
            *("operand", "source", "code", "codes", "pattern", "string", "stringToSub", "stringToSplit"),
            *("separator", "separatorPattern", "precision"),
        )
    )
}
"""In which order an operator's named operands are taken, in whichever order a file writes them."""
LEFT_OUT = frozenset(
    {"localId", "type", "signature", "annotation", "locator", "resultTypeName", "resultTypeSpecifier"}
)


@dataclass(frozen=True)
class Scope:
    """What names mean at one point: aliases and operands as nodes, and how deep queries are nested there."""

    names: Mapping[str, Node] = field(default_factory=dict)
    depth: int = 0
    calls: int = 0
    this: Node | None = None

    def binding(self, names: Mapping[str, Node], deeper: int = 0) -> Scope:
        return Scope({**self.names, **names}, self.depth + deeper, self.calls, self.this)


class Library:
    """One ELM library with its definitions by name."""

    def __init__(self, elm: dict):
        identifier = elm["identifier"]
        self.name, self.version = identifier["id"], identifier.get("version")
        self.elm = elm
        statements = elm.get("statements", {}).get("def", [])
        self.expressions = {one["name"]: one for one in statements if one.get("type") != "FunctionDef"}
        self.functions: dict[str, list[dict]] = {}
        for one in statements:
            if one.get("type") == "FunctionDef":
                self.functions.setdefault(one["name"], []).append(one)
        self.includes = {one["localIdentifier"]: one for one in _definitions(elm, "includes")}
        self.value_sets = {one["name"]: one for one in _definitions(elm, "valueSets")}
        self.codes = {one["name"]: one for one in _definitions(elm, "codes")}
        self.concepts = {one["name"]: one for one in _definitions(elm, "concepts")}
        self.code_systems = {one["name"]: one for one in _definitions(elm, "codeSystems")}
        self.parameters = {one["name"]: one for one in _definitions(elm, "parameters")}


def _definitions(elm: dict, section: str) -> list[dict]:
    return elm.get(section, {}).get("def", [])


class Program:
    """Compiles definitions of a package's libraries when they are asked for."""

    def __init__(self, package: Package, nodes: Nodes | None = None):
        self.package = package
        self.nodes = Nodes() if nodes is None else nodes
        self.unsupported: dict[str, Place] = {}
        self.value_sets: dict[str, Place] = {}
        self.named: dict[int, str] = {}
        self.calls: dict[tuple, Node] = {}
        self.called: dict[int, tuple[str, tuple[Node, ...]]] = {}
        self._libraries: dict[tuple[str, str | None], Library] = {}
        self._compiled: dict[tuple[str, str | None, str], Node | None] = {}

    def library(self, name: str, version: str | None = None) -> Library:
        key = (name, version)
        if key not in self._libraries:
            self._libraries[key] = Library(self.package.library(name, version))
        return self._libraries[key]

    def compiled(self) -> Iterator[tuple[str, Node]]:
        """Every definition that was asked for, by `Library.Definition`."""
        for (library, _, name), node in self._compiled.items():
            if node is not None:
                yield f"{library}.{name}", node

    def definition(self, library: Library, name: str) -> Node:
        """The node of a definition. Raises NotFound when the library has none of that name."""
        key = (library.name, library.version, name)
        if key in self._compiled:
            compiled = self._compiled[key]
            if compiled is None:
                raise BadRequest(f"'{library.name}.{name}' is defined by itself.")
            return compiled
        found = library.expressions.get(name)
        if found is None:
            raise NotFound(f"The library '{library.name}' defines no '{name}'.")
        self._compiled[key] = None
        node = Compiler(self, library, name).node(found["expression"], Scope())
        self._compiled[key] = node
        self.named.setdefault(node.number, f"{library.name}.{name}")
        return node


def not_evaluable(program: Program) -> list[str]:
    """The definitions that read something which could not be compiled."""
    broken: list[str] = []
    for key, node in program.compiled():
        if any(one.op == "Unsupported" for one in reachable([node])):
            broken.append(key)
    return sorted(set(broken))


class Compiler:
    """Compiles the expressions of one definition or function body."""

    def __init__(self, program: Program, library: Library, definition: str):
        self.program, self.library, self.name = program, library, definition

    def make(
        self, op: str, args=(), attributes: Mapping[str, Any] | None = None, elm: dict | None = None
    ) -> Node:
        return self.program.nodes.make(op, tuple(args), attributes or {}, self.place(elm or {}))

    def place(self, elm: dict) -> Place:
        return Place(self.library.name, self.name, elm.get("localId"))

    def node(self, elm: dict, scope: Scope) -> Node:
        """The node of an expression; an `Unsupported` one where the ELM is broken or names what is not there."""
        handler = HANDLERS.get(elm["type"])
        try:
            return handler(self, elm, scope) if handler else self.generic(elm, scope)
        except AlmonerError as error:
            return self.unsupported(str(error), elm)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            return self.unsupported(
                f"{elm['type']} that cannot be read ({type(error).__name__}: {error})", elm
            )

    def generic(self, elm: dict, scope: Scope) -> Node:
        """An operator: its operands in order, what is not an operand as attributes."""
        if elm["type"] not in OPERATIONS:
            return self.unsupported(f"operator {elm['type']}", elm)
        args, roles, attributes = [], [], {}
        for name, value in sorted(elm.items(), key=lambda part: ORDER.get(part[0], len(ORDER))):
            if name in LEFT_OUT:
                continue
            if name in UNTYPED:
                value = {**value, "type": UNTYPED[name]}
            if isinstance(value, dict) and "type" in value and not name.endswith("TypeSpecifier"):
                args.append(self.node(value, scope))
                roles.append(name)
            elif (
                isinstance(value, list)
                and name in ("operand", "element")
                and all("type" in one for one in value)
            ):
                args += [self.node(one, scope) for one in value]
                roles += [name] * len(value)
            elif name.endswith("TypeSpecifier"):
                attributes["of"] = type_text(value)
            elif not isinstance(value, dict | list):
                attributes[name] = value
        if elm["type"] in SUPPORTED_ROLES:
            attributes["roles"] = tuple(roles)
        return self.make(elm["type"], args, attributes, elm)

    def included(self, elm: dict) -> Library:
        name = elm.get("libraryName")
        if not name:
            return self.library
        include = self.library.includes[name]
        return self.program.library(include["path"].rsplit("/", 1)[-1], include.get("version"))

    def unsupported(self, what: str, elm: dict) -> Node:
        self.program.unsupported.setdefault(what, self.place(elm))
        return self.make("Unsupported", (), {"what": what}, elm)


def _expression_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    return compiler.program.definition(compiler.included(elm), elm["name"])


def _function_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    args = tuple(compiler.node(one, scope) for one in elm.get("operand", []))
    library = compiler.included(elm)
    found = native(library.name, elm["name"], len(args))
    if found:
        return compiler.make(found, args, {}, elm)
    fitting = [
        one for one in library.functions.get(elm["name"], []) if len(one.get("operand", [])) == len(args)
    ]
    chosen = _overloads(fitting, elm, len(args))
    if not chosen or any(one.get("external") for one in chosen):
        return compiler.unsupported(f"function {library.name}.{elm['name']} with {len(args)} operands", elm)
    bodies = [_called(compiler, library, one, args, elm, scope) for one in chosen]
    if len(bodies) == 1:
        return bodies[0]
    conditions = [_takes(compiler, one, args, elm) for one in chosen[:-1]]
    branches = [part for pair in zip(conditions, bodies, strict=False) for part in pair]
    return compiler.make("Case", (*branches, bodies[-1]), {"comparand": False}, elm)


def _called(
    compiler: Compiler, library: Library, chosen: dict, args: tuple[Node, ...], elm: dict, scope: Scope
) -> Node:
    """The function's body with the operands in place."""
    if scope.calls > DEEPEST:
        return compiler.unsupported(f"recursion of {library.name}.{elm['name']}", elm)
    key = (id(chosen), tuple(arg.number for arg in args), scope.depth)
    calls = compiler.program.calls
    if key not in calls:
        names = {operand["name"]: arg for operand, arg in zip(chosen.get("operand", []), args, strict=True)}
        inside = Scope(names, scope.depth, scope.calls + 1)
        calls[key] = Compiler(compiler.program, library, elm["name"]).node(chosen["expression"], inside)
        if calls[key] not in args:
            compiler.program.called.setdefault(calls[key].number, (f"{library.name}.{elm['name']}", args))
    return calls[key]


def _overloads(fitting: list[dict], elm: dict, count: int) -> list[dict]:
    """The function whose operands fit the call's signature best; without a signature, all that may be meant."""
    signature = [type_text(one) for one in elm.get("signature", [])]
    if len(fitting) < 2:
        return fitting
    if len(signature) == count:
        best = max(fitting, key=lambda one: _fit(one, signature))
        if _fit(best, signature):
            return [best]
    return sorted(fitting, key=lambda one: sum(_operand_type(each) == "Any" for each in one["operand"]))


def _takes(compiler: Compiler, function: dict, args: tuple[Node, ...], elm: dict) -> Node:
    """Are the operands of the types that the function takes?"""
    tests = [
        compiler.make("Is", (arg,), {"of": _operand_type(operand), "strict": False}, elm)
        for operand, arg in zip(function["operand"], args, strict=True)
    ]
    return tests[0] if len(tests) == 1 else compiler.make("And", tests, {}, elm)


def _operand_type(operand: dict) -> str:
    offered = type_text(operand.get("operandTypeSpecifier"))
    return named(operand["operandType"]) if offered == "Any" and operand.get("operandType") else offered


def _fit(function: dict, signature: list[str]) -> int:
    fit = 0
    for operand, wanted in zip(function["operand"], signature, strict=True):
        offered = _operand_type(operand)
        if offered == wanted:
            fit += 100
        else:
            fit += 10 * len(set(options(offered)) & set(options(wanted)))
    return fit


def _name_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    found = scope.names.get(elm["name"])
    if found is not None:
        return found
    if elm["type"] == "IdentifierRef" and scope.this is not None:
        if elm["name"] == "$this":
            return scope.this
        return compiler.make("Property", (scope.this,), {"path": elm["name"]}, elm)
    return compiler.unsupported(f"name '{elm['name']}' out of reach", elm)


def _property(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    if "source" in elm:
        source = compiler.node(elm["source"], scope)
    elif "scope" in elm:
        source = _name_ref(compiler, {**elm, "name": elm["scope"]}, scope)
    elif scope.this is not None:
        source = scope.this
    else:
        return compiler.unsupported("a property of nothing", elm)
    for name in elm["path"].split("."):
        source = compiler.make("Property", (source,), {"path": name}, elm)
    return source


def _literal(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    return compiler.make("Literal", (), {"of": named(elm["valueType"]), "value": str(elm["value"])}, elm)


def _quantity(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    return compiler.make("Quantity", (), {"value": float(elm["value"]), "unit": elm.get("unit", "1")}, elm)


def _ratio(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    parts = [_quantity(compiler, elm[part], scope) for part in ("numerator", "denominator")]
    return compiler.make("Ratio", parts, {"roles": ("numerator", "denominator")}, elm)


def _code(library: Library, found: dict) -> dict:
    system = found.get("codeSystem", {}).get("name")
    url = library.code_systems[system]["id"] if system in library.code_systems else None
    return {"code": found["id"], "system": url, "display": found.get("display")}


def _code_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    library = compiler.included(elm)
    return compiler.make("Code", (), _code(library, library.codes[elm["name"]]), elm)


def _concept_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    library = compiler.included(elm)
    concept = library.concepts[elm["name"]]
    codes = [
        compiler.make("Code", (), _code(library, library.codes[one["name"]]), elm) for one in concept["code"]
    ]
    return compiler.make("Concept", codes, {"display": concept.get("display")}, elm)


def _value_set_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    library = compiler.included(elm)
    found = library.value_sets[elm["name"]]
    url = found["id"] + (f"|{found['version']}" if found.get("version") else "")
    compiler.program.value_sets.setdefault(url, compiler.place(elm))
    return compiler.make("ValueSet", (), {"url": url, "name": elm["name"]}, elm)


def _code_system_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    return compiler.make(
        "CodeSystem", (), {"url": compiler.included(elm).code_systems[elm["name"]]["id"]}, elm
    )


def _parameter_ref(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    library = compiler.included(elm)
    found = library.parameters.get(elm["name"], {})
    args = [compiler.node(found["default"], Scope())] if "default" in found else []
    attributes = {"name": elm["name"], "of": type_text(found.get("parameterTypeSpecifier"))}
    return compiler.make("Parameter", args, attributes, elm)


def _retrieve(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    args = [compiler.node(elm["codes"], scope)] if elm.get("codes") else []
    roles = ["codes"] * len(args)
    if elm.get("dateRange"):
        args.append(compiler.node(elm["dateRange"], scope))
        roles.append("dateRange")
    resource = _resource_type(elm["dataType"])
    if resource is None:
        return compiler.unsupported(f"retrieve of {elm['dataType']}, which is no resource of FHIR R4", elm)
    attributes = {
        "resource": resource,
        "profile": elm.get("templateId"),
        "code_path": elm.get("codeProperty"),
        "comparator": elm.get("codeComparator", "in"),
        "date_path": elm.get("dateProperty"),
        "roles": tuple(roles),
    }
    return compiler.make("Retrieve", args, attributes, elm)


def _resource_type(data_type: str) -> str | None:
    """The resource type of a model's class, such as `ConditionProblemsHealthConcerns`; None when it has none."""
    name = named(data_type).removeprefix("fhir:")
    if name in resource_types():
        return name
    plain = name.removeprefix("QICore").removeprefix("USCore").removeprefix("US Core ")
    found = [one for one in resource_types() if plain.startswith(one)]
    return max(found, key=len) if found else None


def _code_selector(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    """`Code '…' from …`, which names its system instead of holding it."""
    system = elm.get("system") or {}
    library = compiler.included(system)
    url = library.code_systems[system["name"]]["id"] if system.get("name") in library.code_systems else None
    return compiler.make("Code", (), {"code": elm["code"], "system": url, "display": elm.get("display")}, elm)


def _concept_selector(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    codes = [_code_selector(compiler, one, scope) for one in elm.get("code", [])]
    return compiler.make("Concept", codes, {"display": elm.get("display")}, elm)


def _as_query(clause: Callable[[dict], dict]) -> Callable[[Compiler, dict, Scope], Node]:
    """`Filter`, `ForEach` and `Sort` are queries over one source in other words."""

    def handler(compiler: Compiler, elm: dict, scope: Scope) -> Node:
        alias = elm.get("scope") or "$this"
        source = [{"alias": alias, "expression": elm["source"]}]
        return _query(compiler, {"type": "Query", "source": source, **clause(elm)}, scope)

    return handler


def _repeat(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    alias, depth = elm.get("scope") or "$this", scope.depth + 1
    name = f"{alias}·{depth}"
    row = compiler.make("Row", (), {"row": name}, elm)
    source = compiler.node(elm["source"], scope)
    element = compiler.node(elm["element"], scope.binding({alias: row}, 1))
    query = Query(((name, alias, source),), (), None, element, False, f"$this·{depth}·", (), None)
    return compiler.program.nodes.make_query(query, compiler.place(elm), "Repeat")


def _current(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    return _name_ref(compiler, {**elm, "name": elm.get("scope") or "$this"}, scope)


def _tuple(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    parts = {one["name"]: compiler.node(one["value"], scope) for one in elm.get("element", [])}
    return compiler.make("Tuple", parts.values(), {"names": tuple(parts)}, elm)


def _instance(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    parts = {one["name"]: compiler.node(one["value"], scope) for one in elm.get("element", [])}
    return compiler.make(
        "Instance", parts.values(), {"names": tuple(parts), "of": named(elm["classType"])}, elm
    )


def _case(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    comparand = [compiler.node(elm["comparand"], scope)] if elm.get("comparand") else []
    items = [compiler.node(one[part], scope) for one in elm["caseItem"] for part in ("when", "then")]
    last = compiler.node(elm["else"], scope) if elm.get("else") else compiler.make("Null", (), {}, elm)
    return compiler.make("Case", (*comparand, *items, last), {"comparand": bool(comparand)}, elm)


def _if(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    parts = [compiler.node(elm[part], scope) for part in ("condition", "then", "else")]
    return compiler.make("Case", parts, {"comparand": False}, elm)


def _type_operator(attribute: str) -> Callable[[Compiler, dict, Scope], Node]:
    def handler(compiler: Compiler, elm: dict, scope: Scope) -> Node:
        specifier = elm.get(f"{attribute}TypeSpecifier")
        of = type_text(specifier) if specifier else named(elm[f"{attribute}Type"])
        attributes = {"of": of, "strict": bool(elm.get("strict"))}
        return compiler.make(elm["type"], (compiler.node(elm["operand"], scope),), attributes, elm)

    return handler


def _query(compiler: Compiler, elm: dict, scope: Scope) -> Node:
    depth = scope.depth + 1
    row = lambda name: f"{name}·{depth}"  # noqa: E731
    sources = [
        (row(one["alias"]), one["alias"], compiler.node(one["expression"], scope)) for one in elm["source"]
    ]
    names = {alias: compiler.make("Row", (), {"row": name}, elm) for name, alias, _ in sources}
    inside = scope.binding(names, 1)
    relations = []
    for one in elm.get("relationship") or []:
        related = f"{one['alias']}·{depth}r"
        # A `let` comes before the relationships and is in sight of them.
        inside_lets = _lets(compiler, elm, inside)
        source = compiler.node(one["expression"], inside_lets)
        such = inside_lets.binding({one["alias"]: compiler.make("Row", (), {"row": related}, elm)}, 1)
        condition = compiler.node(one["suchThat"], such)
        relations.append(Relation(one["type"] == "With", related, source, condition))
    inside = _lets(compiler, elm, inside)
    where = compiler.node(elm["where"], inside) if elm.get("where") else None
    returns, distinct = None, False
    if elm.get("return"):
        returns = compiler.node(elm["return"]["expression"], inside)
        distinct = elm["return"].get("distinct", True)
    sort_row = f"$this·{depth}"
    query = Query(
        tuple(sources),
        tuple(relations),
        where,
        returns,
        bool(distinct),
        sort_row,
        _sort_keys(compiler, elm.get("sort"), inside, sort_row),
        _aggregate(compiler, elm.get("aggregate"), inside, f"{depth}"),
    )
    return compiler.program.nodes.make_query(query, compiler.place(elm))


def _lets(compiler: Compiler, elm: dict, scope: Scope) -> Scope:
    for one in elm.get("let") or []:
        scope = scope.binding({one["identifier"]: compiler.node(one["expression"], scope)})
    return scope


def _sort_keys(compiler: Compiler, sort: dict | None, scope: Scope, row: str) -> tuple[SortKey, ...]:
    if not sort:
        return ()
    this = compiler.make("Row", (), {"row": row})
    inside = Scope(scope.names, scope.depth + 1, scope.calls, this)
    keys = []
    for one in sort["by"]:
        by = None
        if one["type"] == "ByColumn":
            by = _property(compiler, {"path": one["path"]}, inside)
        elif one["type"] == "ByExpression":
            by = compiler.node(one["expression"], inside)
        keys.append(SortKey(by, one["direction"] in ("asc", "ascending")))
    return tuple(keys)


def _aggregate(compiler: Compiler, elm: dict | None, scope: Scope, depth: str) -> Aggregate | None:
    if not elm:
        return None
    total = f"{elm['identifier']}·{depth}t"
    place = f"$index·{depth}"
    names = {
        elm["identifier"]: compiler.make("Row", (), {"row": total}, elm),
        "$index": compiler.make("Row", (), {"row": place}, elm),
    }
    start = (
        compiler.node(elm["starting"], scope) if elm.get("starting") else compiler.make("Null", (), {}, elm)
    )
    step = compiler.node(elm["expression"], scope.binding(names, 1))
    return Aggregate(total, place, bool(elm.get("distinct", False)), start, step)


HANDLERS: dict[str, Callable[[Compiler, dict, Scope], Node]] = {
    "ExpressionRef": _expression_ref,
    "FunctionRef": _function_ref,
    **dict.fromkeys(("AliasRef", "OperandRef", "QueryLetRef", "IdentifierRef"), _name_ref),
    "Property": _property,
    "Literal": _literal,
    "Quantity": _quantity,
    "Ratio": _ratio,
    "CodeRef": _code_ref,
    "ConceptRef": _concept_ref,
    "ValueSetRef": _value_set_ref,
    "CodeSystemRef": _code_system_ref,
    "ParameterRef": _parameter_ref,
    "Retrieve": _retrieve,
    "Code": _code_selector,
    "Concept": _concept_selector,
    "Filter": _as_query(lambda elm: {"where": elm["condition"]}),
    "ForEach": _as_query(lambda elm: {"return": {"expression": elm["element"], "distinct": False}}),
    "Sort": _as_query(lambda elm: {"sort": {"by": elm["by"]}}),
    "Aggregate": _as_query(
        lambda elm: {
            "aggregate": {
                "identifier": "$total",
                "expression": elm["iteration"],
                "starting": elm.get("initialValue"),
            }
        }
    ),
    "Repeat": _repeat,
    "Current": _current,
    "Total": lambda compiler, elm, scope: _name_ref(compiler, {**elm, "name": "$total"}, scope),
    "Iteration": lambda compiler, elm, scope: _name_ref(compiler, {**elm, "name": "$index"}, scope),
    "Tuple": _tuple,
    "Instance": _instance,
    "Case": _case,
    "If": _if,
    "As": _type_operator("as"),
    "Is": _type_operator("is"),
    "Convert": _type_operator("to"),
    "CanConvert": _type_operator("to"),
    "Query": _query,
}
SUPPORTED_ROLES = frozenset(
    {
        *(
            "Interval",
            "DateTime",
            "Date",
            "Time",
            "InValueSet",
            "AnyInValueSet",
            "Message",
            "Slice",
            "IndexOf",
        ),
        *("Substring", "PositionOf", "Split", "Combine", "Round", "Code", "Concept", "InCodeSystem"),
        *("ForEach", "Filter", "LastPositionOf", "Expand", "Collapse", "ReplaceMatches", "AnyInCodeSystem"),
        *("Quantity", "Ratio", "Matches", "CalculateAgeAt", "CalculateAge"),
    }
)
