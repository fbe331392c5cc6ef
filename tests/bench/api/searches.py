"""Every kind of search, asked in turns among a thousand patients and among many thousands: p50 may grow to 1.35x.

Both find the same few of the first thousand; a search that slows down as the panel grows has no good index. The last
kinds find more the larger the panel is, and are asked for their first page.
Run: python -m tests.bench.api.searches [smaller population] [larger population] [pairs of each kind]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import quote

from tests.bench.api.door import WARM, Door, databases, in_turns, load, running_door
from tests.bench.api.people import CODES, ICD_10, LOINC, RARE, born, family, given, moment, records

MOST_GROWTH = 1.35
RESULT, RARE_PROBLEM = quote(f"{LOINC}|{CODES[0]}"), quote(f"{ICD_10}|{RARE.format(0)}")

KINDS: dict[str, Callable[[int], str]] = {
    "name": lambda n: f"Patient?family={family(n)}&given={given(n)}",
    "identifier": lambda n: f"Patient?identifier=urn:mrn%7C{n}",
    "identifier of any system": lambda n: f"Patient?identifier={n}",
    "birth date and gender": lambda n: f"Patient?birthdate={born(n)}&gender=female&_count=10",
    "code and patient": lambda n: f"Observation?patient=p{n}&code={RESULT}",
    "in a patient's compartment": lambda n: f"Patient/p{n}/Observation?code={RESULT}",
    "all of a type in a compartment": lambda n: f"Patient/p{n}/Condition",
    "code": lambda n: f"Condition?code={RARE_PROBLEM}",
    "date range": lambda n: f"Encounter?date=ge{_time(n, 0)}&date=lt{_time(n, 1)}&_count=10",
    "chained by number": lambda n: f"Observation?patient.identifier=urn:mrn%7C{n}&code={RESULT}",
    "chained by name": lambda n: (
        f"Condition?subject:Patient.family={family(n)}&subject:Patient.given={given(n)}"
    ),
    "_has": lambda n: f"Patient?_has:Condition:patient:code={RARE_PROBLEM}",
    "include": lambda n: (
        f"Encounter?patient=p{n}&_include=Encounter:patient&_revinclude=Observation:encounter"
    ),
    "total": lambda n: f"Observation?patient=p{n}&_count=2&_total=accurate",
    "page of everything with a code": lambda n: f"Observation?code={RESULT}&_count=20",
    "page sorted by name": lambda n: "Patient?gender=female&_sort=family&_count=20",
    "page sorted by birth date": lambda n: "Patient?gender=female&_sort=birthdate&_count=20",
    "page of the last changes": lambda n: "Observation?_sort=-_lastUpdated&_count=20",
}


def main(smaller: int = 1_000, larger: int = 64_000, pairs: int = 60) -> int:
    """The exit code: 1 when a kind grew by more than it may."""
    with ExitStack() as stack:
        urls = stack.enter_context(databases(2))
        for admin_url, people in zip(urls, (smaller, larger), strict=True):
            load(admin_url, records(0, people))
        few, many = (stack.enter_context(running_door(admin_url)) for admin_url in urls)
        return compare(few, many, smaller, larger, pairs)


def compare(few: Door, many: Door, smaller: int, larger: int, pairs: int) -> int:
    asking = {few: few.connection(), many: many.connection()}
    broken = []
    print(f"p50 among {smaller:,} and among {larger:,} patients, {pairs} pairs of each kind")
    for name, path in KINDS.items():
        paths = [path(number * 13 % smaller) for number in range(pairs + WARM)]
        places = {door: iter(paths) for door in asking}

        def ask(door: Door, places: dict = places) -> None:
            door.ask(asking[door], "GET", f"/fhir/{next(places[door])}")

        works = {door.admin_url: partial(ask, door) for door in asking}
        in_turns(works, WARM)
        taken = in_turns(works, pairs)
        before, after = taken[few.admin_url], taken[many.admin_url]
        growth = after / before
        if growth > MOST_GROWTH:
            broken.append(name)
        print(f"{name:31}{before * 1e3:6.1f} ms {after * 1e3:6.1f} ms  {growth:.2f}x", flush=True)
    print(f"must ≤ {MOST_GROWTH}x: {'BROKEN by ' + ', '.join(broken) if broken else 'kept'}")
    return 1 if broken else 0


def _time(number: int, minutes: int) -> str:
    at = datetime.fromisoformat(moment(number, 0)) + timedelta(minutes=minutes)
    return quote(at.isoformat())


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:4])))
