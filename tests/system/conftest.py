"""The browser stories' stage: one running system, one Chromium for a file, and a room of people for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lib.browser import Room, running_chromium
from tests.lib.running_system import RunningSystem, shared_system

FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="package")
def system(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """Asks for Chromium first: without one there is nothing to start a system for. Ends before other suites begin."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with shared_system(shared / "system") as running:
        yield running


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator:
    """For a file, not for the session: Playwright keeps an event loop, which other tests of this process would meet."""
    with running_chromium(chromium) as running:
        yield running


@pytest.fixture(scope="package")
def kept_sign_ins() -> dict:
    """Each role signs in once in this test process; whoever was signed out meanwhile signs in again."""
    return {}


@pytest.fixture
def room(
    request: pytest.FixtureRequest, system: RunningSystem, browser, kept_sign_ins: dict, tmp_path: Path
) -> Iterator[Room]:
    """People at their screens. At the end nothing may have been asked for beyond this machine."""
    opened = Room(browser, system, kept_sign_ins)
    yield opened
    if request.node.stash.get(FAILED, False):
        opened.save(tmp_path)
    opened.close()
    assert not opened.strangers, f"a page asked for something beyond this machine: {opened.strangers}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report
