"""Reads out of the tests which attacks are tried against a weakened build, and what each of them takes away."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
CALL = "assert_guarded"
PATCHES = frozenset({"setattr", "setitem", "delattr", "delitem"})
WEAKENINGS = "tests.lib.weakened"
OWN = frozenset({"ehr_core", "dashboards", "portal", "pipelines", "cds", "data_contracts"})


class FileOfTests:
    """One file of tests: its functions by name, and where each of its names comes from."""

    def __init__(self, path: Path):
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.node_id = str(path.relative_to(TESTS.parent))
        self.functions = {node.name: node for node in self.tree.body if isinstance(node, ast.FunctionDef)}
        self.names: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                self.names |= {one.asname or one.name: one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom):
                self.names |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}

    def attacks(self) -> dict[str, frozenset[str]]:
        """What each test of this file that uses a weakened build takes away, by the test's name."""
        return {
            name: frozenset(self._taken_away(function, set()))
            for name, function in self.functions.items()
            if name.startswith("test_") and self._calls(function)
        }

    @staticmethod
    def _calls(function: ast.FunctionDef) -> bool:
        return any(isinstance(node, ast.Name) and node.id == CALL for node in ast.walk(function))

    def _taken_away(self, function: ast.AST, seen: set[str]) -> Iterator[str]:
        loops = dict(_loops(function))
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and _is_patch(node):
                for target in loops.get(ast.unparse(node.args[0]), [node.args[0]]):
                    yield self._guard(target, node.args[1])
            elif isinstance(node, ast.Name) and node.id not in seen:
                seen.add(node.id)
                comes_from = self.names.get(node.id, "")
                if node.id in self.functions and not node.id.startswith("test_"):
                    yield from self._taken_away(self.functions[node.id], seen)
                elif comes_from.startswith(f"{WEAKENINGS}.") and node.id != CALL:
                    library = FileOfTests(TESTS / "lib" / "weakened.py")
                    yield from library._taken_away(library.functions[node.id], set())

    def _guard(self, target: ast.expr, attribute: ast.expr) -> str:
        """Where it is, in full, as far as it is one of ours; else as it stands in the test."""
        written = ast.unparse(target)
        first, _, rest = written.partition(".")
        place = ".".join(part for part in (self.names.get(first, first), rest) if part)
        name = attribute.value if isinstance(attribute, ast.Constant) else ast.unparse(attribute)
        return f"{place}.{name}"


def _is_patch(call: ast.Call) -> bool:
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr in PATCHES
        and ast.unparse(call.func.value) == "patch"
        and len(call.args) >= 2
    )


def _loops(function: ast.AST) -> Iterator[tuple[str, list[ast.expr]]]:
    for node in ast.walk(function):
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
            yield ast.unparse(node.target), node.iter.elts


@cache
def files_with_attacks() -> tuple[Path, ...]:
    """A look at the words is quicker than reading every test."""
    return tuple(one for one in sorted(TESTS.rglob("test_*.py")) if CALL in one.read_text(encoding="utf-8"))


@cache
def attacks() -> dict[str, frozenset[str]]:
    """`tests/…/test_x.py::test_y` with what it takes away, over all files of tests."""
    return {
        f"{one.node_id}::{name}": guards
        for one in map(FileOfTests, files_with_attacks())
        for name, guards in one.attacks().items()
    }


def exists(guard: str) -> bool:
    """Whether there is such a thing; what stands in a test alone is taken at its word."""
    parts = guard.split(".")
    if parts[0] not in OWN:
        return True
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found = import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def short(guard: str) -> str:
    """As people write it: without the folders."""
    parts = guard.split(".")
    return ".".join(parts[-3:] if parts[-2][:1].isupper() else parts[-2:])
