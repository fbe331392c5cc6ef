"""What a formula needs beside + - * / and powers, so that it is written once for one person and for a whole table.

A formula gets `PLAIN` with numbers, or the same three functions of a table's library with columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Arithmetic:
    """`at_least(x, low)` raises x to the bound, `at_most(x, high)` lowers it; `exp` is the natural exponential."""

    at_least: Callable[[Any, float], Any]
    at_most: Callable[[Any, float], Any]
    exp: Callable[[Any], Any]


PLAIN = Arithmetic(at_least=max, at_most=min, exp=math.exp)
"""For numbers."""
