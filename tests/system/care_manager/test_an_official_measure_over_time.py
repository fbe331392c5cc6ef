"""A care manager looks at an official measure's years, groups and strata, at the desk and on a phone."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import expect

from ehr_core.db.server import EmbeddedServer
from ehr_core.kernel.secrets import load_or_create_secrets
from tests.lib.axe import LOOKS, nothing_grave_on
from tests.lib.browser import Person, Room
from tests.lib.elm_package import small_package, written
from tests.lib.running_system import RunningSystem
from tests.system.steps import measures

pytestmark = [pytest.mark.browser, pytest.mark.long]

ADULTS = "CMS999Adults"
PEOPLE = 60


@pytest.fixture
def measured(system: RunningSystem, tmp_path: Path) -> None:
    """The measure is active, one night has measured it, and the weeks of two years before are remembered."""
    package = small_package()
    package[0]["group"][0]["stratifier"] = [
        {"id": "taken", "description": "Those with a pressure", "criteria": {"expression": "Numerator"}}
    ]
    folder = written(package, tmp_path / "package")
    imported = system.command("measures", "import", str(folder), "--activate", seconds=120)
    assert imported.returncode == 0, imported.stdout + imported.stderr
    system.nightly()
    _remember(system)


def _remember(system: RunningSystem) -> None:
    """Weekly nights: half of the people met, and suddenly many more in this year's last months."""
    password = load_or_create_secrets(system.state).postgres_password
    with (
        EmbeddedServer(system.state, system.ports["POSTGRES"], password) as server,
        psycopg.connect(server.admin_url) as connection,
    ):
        (run_id, today) = connection.execute(
            "SELECT run_id, as_of FROM quality.run WHERE kind = 'official' ORDER BY finished_at DESC LIMIT 1"
        ).fetchone()
        for days_ago in range(7, 600, 7):
            day = today - timedelta(days=days_ago)
            met = 52 if days_ago < 60 else 28 + days_ago % 3
            values = (ADULTS, date(day.year, 1, 1), day, PEOPLE, PEOPLE, met, run_id)
            connection.execute(
                "INSERT INTO quality.rate_point VALUES (%s, %s, 'all', 'all', %s, %s, %s, 0, 0, %s, 0, %s)",
                values,
            )


def _sees_the_measure_whole(sam: Person) -> None:
    measures.opens_the_measure(sam, ADULTS)
    main = sam.page.get_by_role("main")
    chart = sam.page.get_by_label(re.compile("^Rate over time with its 95 % band"))
    expect(chart).to_be_visible()
    expect(main.get_by_text("Each line is one measurement period.")).to_be_visible()
    expect(main.get_by_text("the rate rose overnight by").first).to_be_visible()
    funnel = sam.page.get_by_label(re.compile("^Funnel plot of"))
    expect(funnel.or_(main.get_by_text("A funnel plot needs two clinic groups"))).to_be_visible()
    strata = sam.page.get_by_role("region", name="By the publisher's own strata")
    expect(strata.get_by_text("Those with a pressure")).to_be_visible()
    nothing_grave_on(sam, "an official measure over time")


def test_years_groups_and_strata_of_an_official_measure_at_the_desk_and_on_a_phone(
    room: Room, measured: None
):
    for look in LOOKS.values():
        _sees_the_measure_whole(room.sign_in("care_manager", **look))
