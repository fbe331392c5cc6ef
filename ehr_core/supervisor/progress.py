"""Says what is going on while Almoner starts and stops: a live line in a terminal, plain lines in a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from ehr_core.supervisor.demo import DemoSignIn


class Progress:
    """One line a step with its time. `clock` gives seconds."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic):
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._clock = clock
        self.begun = clock()

    @property
    def elapsed_seconds(self) -> float:
        return self._clock() - self.begun

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Shows the step while it runs, with the last thing it reported; its line and seconds when it is done."""
        begun, last = self._clock(), ""
        with self._console.status(title) as status:

            def report(text: str) -> None:
                nonlocal last
                last = text
                status.update(f"{title}: {text}")

            yield report
        detail = f" – {last}" if last else ""
        self.say(f"{self._clock() - begun:6.1f} s  {title}{detail}")

    def show_urls(self, urls: list[tuple[str, str]]) -> None:
        table = Table(box=None, show_header=False, pad_edge=False)
        for title, url in urls:
            table.add_row(title, url)
        self.say("")
        self._console.print(table)

    def show_sign_ins(self, sign_ins: list[DemoSignIn]) -> None:
        """Clearly marked as the demo's: synthetic people, passwords that anyone may know."""
        if not sign_ins:
            return
        table = Table(box=None, pad_edge=False)
        for heading in ("Open", "As", "Name", "User name", "Password"):
            table.add_column(heading)
        for entry in sign_ins:
            table.add_row(entry.app, entry.role, entry.name, entry.user_name, entry.password)
        self.say("\nDEMO sign-ins: synthetic people only, never for real patients")
        self._console.print(table)
