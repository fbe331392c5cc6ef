"""Which methods an address takes, over all of its routes: the framework would tell those of one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

Addresses = tuple[tuple[re.Pattern[str], frozenset[str]], ...]


def addresses_of(routers: Iterable[Any]) -> Addresses:
    return tuple(
        (route.path_regex, frozenset(route.methods)) for router in routers for route in _routes(router)
    )


def _routes(router: Any) -> Iterator[Any]:
    for route in router.routes:
        if hasattr(route, "original_router"):
            yield from _routes(route.original_router)
        elif getattr(route, "methods", None):
            yield route


def methods_at(addresses: Addresses, path: str) -> list[str]:
    return sorted({method for pattern, methods in addresses if pattern.match(path) for method in methods})
