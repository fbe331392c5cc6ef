"""Finds the Chromium that the browser stories drive, and says what to install when there is none."""

from __future__ import annotations

import os
import shutil

MISSING = (
    "no Chromium on this machine: install Debian's package (apt-get install chromium), or set ALMONER_CHROMIUM to the "
    "path of a Chromium or Chrome"
)
REQUIRED = "ALMONER_REQUIRE_BROWSER"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    given = os.environ.get("ALMONER_CHROMIUM")
    if given:
        return given
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


def browser_is_required() -> bool:
    """In CI a browser story that is skipped counts as failed."""
    return os.environ.get(REQUIRED) == "1"
