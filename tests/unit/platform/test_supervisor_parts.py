"""The supervisor's pure parts: order, restarts, logs, sign-ins, and what cannot be loaded."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from ehr_core.db.server_failures import explain
from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.service import ServiceSpec
from ehr_core.kernel.settings import Settings
from ehr_core.supervisor import catalog
from ehr_core.supervisor.demo import DemoSignIn, demo_sign_ins, write_demo_sign_ins
from ehr_core.supervisor.processes import rotate_log
from ehr_core.supervisor.restarts import RestartLimit


def spec(name: str, *after: str) -> ServiceSpec:
    return ServiceSpec(name=name, title=name, command=[], start_after=after)


def test_services_start_after_those_they_wait_for():
    ordered = catalog.in_start_order(
        [spec("portal", "api"), spec("daemon", "dagster"), spec("dagster", "api"), spec("api")]
    )
    assert [service.name for service in ordered] == ["api", "portal", "dagster", "daemon"]


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ([spec("portal", "api")], "waits for 'api', which is not installed"),
        ([spec("a", "b"), spec("b", "a")], "wait for each other: a, b"),
    ],
)
def test_an_impossible_order_is_refused(specs, said):
    with pytest.raises(StartupFailed, match=said):
        catalog.in_start_order(specs)


def test_a_service_whose_module_is_missing_is_named_not_skipped():
    entry = EntryPoint("remeasure", "no_such_package.services:remeasure", catalog.SERVICES)
    with pytest.raises(StartupFailed, match=r"'remeasure' of almoner.services cannot be loaded"):
        catalog.services(Settings(), [entry])


def test_a_step_that_nobody_registered_is_named():
    with pytest.raises(StartupFailed, match="no step 'seed'"):
        catalog.step("seed", [])


def test_a_service_is_restarted_later_and_later_and_then_given_up():
    limit = RestartLimit()
    allowed = [second for second in range(200) if limit.may_restart(float(second))]
    assert allowed == [0, 1, 3, 7, 15]
    assert (limit.give_up(), limit.give_up()) == (True, False)
    assert limit.may_restart(400.0)


def test_earlier_logs_are_kept_up_to_five(tmp_path):
    for run in range(8):
        rotate_log(tmp_path, "api").write_text(f"run {run}")
    names = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert names["api.log"] == "run 7"
    assert names["api.1.log"] == "run 6"
    assert len(names) == 6


def test_demo_sign_ins_are_kept_private_and_refused_in_production(tmp_path):
    entry = DemoSignIn(app="staff", role="clinician", name="Dr. Okafor", user_name="okafor", password="demo")
    write_demo_sign_ins(tmp_path, [entry])
    assert demo_sign_ins(Settings(state=tmp_path)) == [entry]
    assert demo_sign_ins(Settings(state=tmp_path, environment="production")) == []
    assert (tmp_path / "demo_sign_ins.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("PANIC:  could not write to file: No space left on device", "is full"),
        ('LOG:  could not bind IPv4 address "127.0.0.1": Address already in use', "Port 8704 is in use"),
        ("FATAL:  database files are incompatible with server", "another build of PostgreSQL"),
        ('FATAL:  lock file "postmaster.pid" already exists', "almoner down"),
        ('FATAL:  could not open file "global/pg_control": Permission denied', "may not use"),
        ("FATAL:  something new", "Its own words are in 'postgres.log'"),
    ],
)
def test_what_postgres_says_becomes_one_sentence(words, said):
    error = explain(words, folder=Path("data"), port=8704, log=Path("postgres.log"))
    assert said in error.message
    assert "\n" not in error.message
