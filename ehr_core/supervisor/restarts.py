"""How often a service that stops is started again: at once, then later and later, then not any more."""

from __future__ import annotations

MOST_RESTARTS = 5
WITHIN_SECONDS = 300.0
FIRST_PAUSE_SECONDS = 0.5


class RestartLimit:
    """Counts one service's restarts; pauses double from half a second. Times are seconds of one clock."""

    def __init__(self) -> None:
        self._restarts: list[float] = []
        self._given_up = False

    def may_restart(self, now: float) -> bool:
        """Whether to restart now; counts the restart when it says yes."""
        self._restarts = [then for then in self._restarts if now - then < WITHIN_SECONDS]
        if len(self._restarts) >= MOST_RESTARTS:
            return False
        if self._restarts and now - self._restarts[-1] < FIRST_PAUSE_SECONDS * 2 ** len(self._restarts):
            return False
        self._restarts.append(now)
        self._given_up = False
        return True

    def give_up(self) -> bool:
        """True once, when the limit is reached."""
        reached = len(self._restarts) >= MOST_RESTARTS and not self._given_up
        self._given_up = self._given_up or reached
        return reached
