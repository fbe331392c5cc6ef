"""Shows that an attack test can fail: the attack meets the door as it is, then one whose guard is taken away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ehr_core.access.actor import Actor
from ehr_core.db.database import Database
from ehr_core.store import visible


def assert_guarded(attack: Callable[[], bool], weaken: Callable[[pytest.MonkeyPatch], object]) -> None:
    """`attack` says whether it got what it wanted. It must not, and must once `weaken` has taken the guard away.

    A guard that is patched away comes back before this returns.
    """
    assert not attack(), "the attack succeeded against the door as it is"
    with pytest.MonkeyPatch.context() as patch:
        weaken(patch)
        assert attack(), "the attack fails without the guard too: this test would not notice that it is gone"


def first_wall_gone(patch: pytest.MonkeyPatch) -> None:
    """No query carries the condition on rows."""
    patch.setattr(visible, "rows_open_to", lambda actor, table, **more: None)


def second_wall_gone(patch: pytest.MonkeyPatch) -> None:
    """The database lets everybody reach everything."""
    enter = Database.enter

    def unbounded(self, connection, **given):
        enter(self, connection, **given | {"reach": "all", "patient_id": None, "staff": None})

    patch.setattr(Database, "enter", unbounded)


def both_walls_gone(patch: pytest.MonkeyPatch) -> None:
    first_wall_gone(patch)
    second_wall_gone(patch)


def permissions_gone(patch: pytest.MonkeyPatch) -> None:
    """Every role may do everything."""
    patch.setattr(Actor, "require", lambda self, permission: None)
    patch.setattr(Actor, "may", lambda self, permission: True)
