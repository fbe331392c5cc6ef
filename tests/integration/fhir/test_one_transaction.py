"""A request looks up its session, works and commits in one transaction on one connection; what it notes stays."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.event import listen, remove

from ehr_core.api import one_thread
from ehr_core.kernel.errors import Conflict


@pytest.fixture
def seen(api):
    """What the pool and its connections are asked for."""
    found: list[str] = []
    engine = api.parts.database.engine
    listening = [
        ("checkout", lambda *_: found.append("connection")),
        ("commit", lambda *_: found.append("commit")),
        ("rollback", lambda *_: found.append("rollback")),
    ]
    for name, act in listening:
        listen(engine, name, act)
    yield found
    for name, act in listening:
        remove(engine, name, act)


def test_a_read_takes_one_connection_and_commits_once(chen, seen):
    chen.get("/Patient/ana")
    seen.clear()
    assert chen.get("/Patient/ana").status_code == 200
    assert seen == ["connection", "commit"]


def test_a_read_that_finds_nothing_leaves_nothing_but_the_use_of_its_session(api, chen):
    api.clock.instant += timedelta(minutes=2)
    assert chen.get("/Patient/nobody").status_code == 404
    with api.work() as work:
        last = work.connection.execute(text("SELECT max(last_seen_at) FROM access.session")).scalar_one()
        rows = "SELECT count(*) FROM audit.event WHERE resource_id = 'nobody'"
        assert work.connection.execute(text(rows)).scalar_one() == 0
    assert last == api.clock.instant


def test_what_fails_at_the_commit_is_no_answer(api, chen, monkeypatch):
    """The route had made its answer; the transaction was taken back with its audit row."""

    def refuse(request):
        with whole(request) as work:
            work.before_commit.append(fail)
            yield work

    def fail() -> None:
        raise Conflict("Not now.")

    whole = one_thread.work_of
    monkeypatch.setattr(one_thread, "work_of", contextmanager(refuse))
    assert chen.get("/Patient/ana").status_code == 409
    with api.work() as work:
        rows = "SELECT count(*) FROM audit.event WHERE act = 'read' AND resource_id = 'ana'"
        assert work.connection.execute(text(rows)).scalar_one() == 0
