"""Steps at the medications page, with clicks counted."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.lib.browser import Person

PICTURES = "ALMONER_PICTURES"


class Clicks:
    """Presses buttons and counts them; typing is no click."""

    def __init__(self, person: Person):
        self.person = person
        self.count = 0

    def press(self, label: str | re.Pattern[str], *, exact: bool = False) -> None:
        page = self.person.page
        dialog = page.get_by_role("dialog")
        within = dialog if dialog.count() else page
        button = within.get_by_role("button", name=label, exact=exact)
        button.or_(within.get_by_role("radio", name=label, exact=exact)).first.click()
        self.count += 1
        self.person.settled()


def finds(person: Person, typed: str) -> None:
    person.page.get_by_label("Drug, strength or brand").fill(typed)
    person.settled()


def picture(name: str) -> Path | None:
    """Where a picture is kept, in the folder that ALMONER_PICTURES names; none without it."""
    folder = os.environ.get(PICTURES)
    return Path(folder) / f"{name}.png" if folder else None
