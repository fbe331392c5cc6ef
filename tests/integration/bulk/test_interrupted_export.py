"""An export that is broken off fails with a sentence, and the next one runs: the runner's thread outlives it all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from data_contracts.api.bulk import BulkManifest
from ehr_core.api.bulk import runner as runner_room
from ehr_core.kernel.errors import Unavailable
from tests.integration.bulk.exports import ids

pytestmark = pytest.mark.usefixtures("three_people")
SECONDS = 30


@pytest.fixture
def following(api) -> Iterator[None]:
    """The runner as in production: a thread of its own."""
    runner = api.app.state.bulk_runner
    runner.start()
    yield
    runner.stop()


@contextmanager
def held_up(api, table: str) -> Iterator[None]:
    """Keeps every export waiting at a table."""
    with api.work() as work:
        work.connection.exec_driver_sql(f'LOCK TABLE fhir."{table}" IN ACCESS EXCLUSIVE MODE')
        yield


def copying(api) -> int | None:
    """The process of an export's twin that waits so; looked for in a new transaction each time."""
    with api.work() as work:
        return work.connection.exec_driver_sql(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'almoner-bulk' "
            "AND wait_event_type = 'Lock' AND datname = current_database()"
        ).scalar_one_or_none()


def until(look):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("It did not come to that in time.")


def ended(pipeline, status: str) -> BulkManifest:
    return until(lambda: found if isinstance(found := pipeline.bulk.look(status), BulkManifest) else None)


def failure(pipeline, status: str) -> str:
    with pytest.raises(Unavailable) as failed:
        ended(pipeline, status)
    return failed.value.message


@pytest.mark.usefixtures("following")
@pytest.mark.parametrize(
    ("blow", "why"),
    [
        ("pg_cancel_backend", "database did not answer"),
        ("pg_terminate_backend", "database cannot be reached"),
    ],
)
def test_an_export_whose_copy_is_broken_off_fails_and_the_next_one_completes(api, pipeline, blow, why):
    with held_up(api, "condition"):
        status = pipeline.bulk.start(resource_types=["Condition"])
        process = until(lambda: copying(api))
        with api.work() as work:
            work.connection.exec_driver_sql(f"SELECT {blow}(%s)", (process,))
        assert why in failure(pipeline, status)
    again = ended(pipeline, pipeline.bulk.start(resource_types=["Condition"]))
    assert ids(pipeline, again, "Condition") == {"of-ana", "of-ben", "of-cleo"}


@pytest.mark.usefixtures("following")
def test_a_full_export_folder_fails_one_export_and_no_other(api, pipeline, monkeypatch):
    """A device that is always full stands where the file would be."""
    opened = runner_room.SealedWriter
    monkeypatch.setattr(runner_room, "SealedWriter", on_a_full_disk)
    assert "disk of the export folder is full" in failure(
        pipeline, pipeline.bulk.start(resource_types=["Condition"])
    )
    monkeypatch.setattr(runner_room, "SealedWriter", opened)
    assert ended(pipeline, pipeline.bulk.start(resource_types=["Condition"])).output


class on_a_full_disk(runner_room.SealedWriter):
    def __init__(self, path, key):
        super().__init__(path, key)
        self._file.close()
        self._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115 - closed by the writer


@pytest.mark.usefixtures("following")
def test_whatever_one_export_runs_into_the_next_one_completes(api, pipeline, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(runner_room, "stream_type", None)
        assert "TypeError" in failure(pipeline, pipeline.bulk.start(resource_types=["Condition"]))
    assert ended(pipeline, pipeline.bulk.start(resource_types=["Condition"])).output


def test_an_export_that_is_deleted_while_it_copies_leaves_a_connection_that_works(api, pipeline, monkeypatch):
    status = pipeline.bulk.start(resource_types=["Condition", "Patient"])
    monkeypatch.setattr(runner_room, "TELL_EVERY_BYTES", 1)
    tell = api.app.state.bulk_runner._tell

    def deleted_meanwhile(job, progress):
        pipeline.bulk.delete(status)
        tell(job, progress)

    monkeypatch.setattr(api.app.state.bulk_runner, "_tell", deleted_meanwhile)
    assert api.app.state.bulk_runner.run_one()
    monkeypatch.undo()
    again = pipeline.bulk.start(resource_types=["Condition"])
    assert api.app.state.bulk_runner.run_one()
    assert isinstance(pipeline.bulk.look(again), BulkManifest)
