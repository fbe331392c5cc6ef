"""The sign of life of a service that has no address to ask: a file that it touches while it gets on with its work."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

STALE_AFTER_SECONDS = 90.0
"""A service that showed no sign for so long hangs: longer than any batch of the re-measure worker may take."""


@dataclass(frozen=True)
class Heartbeat:
    path: Path

    def beat(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()

    def age_seconds(self, began: float | None) -> float | None:
        """Since the last beat of the process that began then (seconds since the epoch); None before its first."""
        try:
            last = self.path.stat().st_mtime
        except FileNotFoundError:
            return None
        return None if began is None or last < began else max(0.0, time.time() - last)
