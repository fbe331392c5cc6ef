"""Takes the README's pictures of the real system: `python -m tests.system.take_pictures`.

Starts `almoner up` on free ports with the synthetic population, signs people in, and writes docs/images.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.lib.browser import Person, Room, find_chromium, running_chromium
from tests.lib.running_system import REPOSITORY, shared_system

IMAGES = REPOSITORY / "docs" / "images"
PATIENTS = 200
LARGEST_BYTES = 250_000
"""A page of pictures should open quickly."""

STAFF_SCREEN = {"viewport": {"width": 1280, "height": 900}}
PATIENT_SCREEN = {"viewport": {"width": 820, "height": 900}, "locale": "es-US"}


def picture(person: Person, name: str) -> None:
    person.settled()
    person.page.wait_for_timeout(1500)
    size = len(person.page.screenshot(path=IMAGES / f"{name}.png"))
    if size > LARGEST_BYTES:
        raise ValueError(
            f"The picture '{name}.png' has {size:,} bytes; at most {LARGEST_BYTES:,} are wanted."
        )


def take(room: Room) -> None:
    clinician = room.sign_in("clinician", **STAFF_SCREEN)
    picture(clinician, "today")
    clinician.page.get_by_role("button", name="Open chart").first.click()
    clinician.page.get_by_text("Care gaps", exact=True).first.wait_for()
    clinician.page.get_by_text("Look at one test").wait_for()
    picture(clinician, "chart")
    manager = room.sign_in("care_manager", **STAFF_SCREEN)
    picture(manager, "worklist")
    manager.opens("measures?measure=glycemic_control")
    manager.page.get_by_text("Patients behind this rate").wait_for()
    manager.settled()
    chosen = manager.page.get_by_role("heading", level=2).first
    chosen.evaluate("heading => { heading.style.scrollMarginTop = '5rem'; heading.scrollIntoView() }")
    picture(manager, "measure")
    picture(room.sign_in("patient", **PATIENT_SCREEN), "portal")


def main() -> int:
    chromium = find_chromium()
    if chromium is None:
        print("Chromium is not installed. On Debian: apt-get install chromium", file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="almoner-pictures-") as folder,
        shared_system(Path(folder), patients=PATIENTS) as system,
        running_chromium(chromium) as browser,
    ):
        room = Room(browser, system)
        take(room)
        room.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
