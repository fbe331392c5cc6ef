"""A site that has imported official measures: the people of their published cases, or made-up ones, in a served API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from ehr_core.db.database import Database
from ehr_core.population import generate
from ehr_core.store.importer import load_resources
from pipelines.measures.elm.cases import Case, read_cases
from pipelines.run.importing import import_package, judge
from tests.integration.loop.panel import AS_OF, LOADER, ZONE, Panel
from tests.lib.api import MORNING
from tests.lib.served_api import served_api
from tests.lib.shared_data import shared_data

GENERATED = 3


def cases_of(*measures: str) -> list[Case]:
    """The published cases of the measures whose name begins so, each with ids of its own."""
    found = read_cases(shared_data("ecqm"))
    return [_own_ids(one) for one in found if any(_begins(one.measure, name) for name in measures)]


def patient_of(case: Case) -> str:
    return next(one["id"] for one in case.resources if one["resourceType"] == "Patient")


def lines_of(cases: Sequence[Case]) -> Iterator[tuple[str, bytes]]:
    for case in cases:
        for resource in case.resources:
            yield resource["resourceType"], orjson.dumps(resource)


@contextmanager
def site(
    database: Database, state: Path, cases: Sequence[Case], *, generated: int = GENERATED
) -> Iterator[Panel]:
    """The people of these cases and a few generated ones, in the store of a served API."""
    lines = list(generate(generated, seed=2026, as_of=AS_OF, time_zone=ZONE))
    load_resources(database, LOADER, [*lines, *lines_of(cases)], processes=1, site_time_zone=ZONE)
    with served_api(database, state, now=MORNING) as api:
        yield Panel(api)


def import_measures(panel: Panel, *measures: str, active: bool = True) -> list[str]:
    """Imports these of the shared package; returns their ids."""
    judged = judge(shared_data("ecqm"), only=measures)
    import_package(panel.pipeline, judged, "ecqm", activated=active)
    return [one.measure_id for one in judged.measures]


def _begins(name: str, asked: str) -> bool:
    return name.startswith(asked) and not name[len(asked) :][:1].isdigit()


def _own_ids(case: Case) -> Case:
    """Ids that no other case has: published ones repeat."""
    stem = re.sub(r"[^A-Za-z0-9]", "", case.name)[:12] + f"{hash_of(case.measure + case.name)}"
    text = orjson.dumps(case.resources).decode()
    names = {}
    for at, one in enumerate(case.resources):
        names[one["id"]] = f"{stem}-{at}"
    for old, new in names.items():
        text = text.replace(f'"id":"{old}"', f'"id":"{new}"')
        text = re.sub(rf'"reference":"(\w+)/{re.escape(old)}"', rf'"reference":"\1/{new}"', text)
    return Case(case.name, case.measure, case.period, case.expected, orjson.loads(text))


def hash_of(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:10]
