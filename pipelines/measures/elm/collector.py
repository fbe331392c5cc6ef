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
