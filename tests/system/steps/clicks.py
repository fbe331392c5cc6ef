"""Counts what a person clicks: the pointer's own presses, not what a page does by itself, and not typing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.lib.browser import Person

LISTEN = "document.addEventListener('click', event => { if (event.isTrusted) countClick(); }, true);"


@dataclass
class Clicks:
    number: int = 0


@contextmanager
def counted_clicks(person: Person) -> Iterator[Clicks]:
    """Every click from now on, on whichever page it leads to."""
    clicks = Clicks()

    def count() -> None:
        clicks.number += 1

    person.page.expose_function("countClick", count)
    person.page.add_init_script(LISTEN)
    person.page.evaluate(LISTEN)
    yield clicks
