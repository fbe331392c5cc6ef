"""Where a line of the log goes, and how it looks: as is said last, whenever its logger was made."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import pytest
import structlog

from ehr_core.kernel.logging import StandardError, configure_logging, get_logger


@pytest.fixture
def own_configuration() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_a_stream_made_before_standard_error_was_replaced_writes_to_the_new_one():
    stream, replaced = StandardError(), io.StringIO()
    with contextlib.redirect_stderr(replaced):
        print("one line", file=stream, flush=True)
    assert replaced.getvalue() == "one line\n"


def test_a_logger_that_was_made_before_follows_a_new_configuration(own_configuration):
    configure_logging()
    log, written = get_logger("early"), io.StringIO()
    with contextlib.redirect_stderr(written):
        log.info("one")
        configure_logging(json=True)
        log.info("two")
    first, second = written.getvalue().splitlines()
    assert "one" in first
    assert '"event": "two"' in second
