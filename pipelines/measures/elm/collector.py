"""Python's collector of cycles, kept from looking through millions of records over and over while they are read."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def spared_collector() -> Iterator[None]:
    """The collector rests inside. Records stay until their batch is done, and `gc.collect()` finds them then."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def records_aside() -> Iterator[None]:
    """At the end cycles are looked for among what was made inside; where the collector rests, only there.

    Not in the millions of records from before: a record is no part of a cycle, and goes when the last one that names
    it is found. A process that lives long keeps its collector's own turns.
    """
    resting = not gc.isenabled()
    if resting:
        gc.freeze()
    try:
        yield
    finally:
        gc.collect(0)
        if resting:
            gc.unfreeze()
