"""Where a line of the log goes: to standard error as it is when the line is written."""

from __future__ import annotations

import contextlib
import io

from ehr_core.kernel.logging import StandardError


def test_a_stream_made_before_standard_error_was_replaced_writes_to_the_new_one():
    stream, replaced = StandardError(), io.StringIO()
    with contextlib.redirect_stderr(replaced):
        print("one line", file=stream, flush=True)
    assert replaced.getvalue() == "one line\n"
