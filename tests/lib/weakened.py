"""Shows that an attack test can fail: the attack meets the door as it is, then one whose guard is taken away."""

from __future__ import annotations

from collections.abc import Callable

import pytest


def assert_guarded(attack: Callable[[], bool], weaken: Callable[[pytest.MonkeyPatch], object]) -> None:
    """`attack` says whether it got what it wanted. It must not, and must once `weaken` has taken the guard away.

    A guard that is patched away comes back before this returns.
    """
    assert not attack(), "the attack succeeded against the door as it is"
    with pytest.MonkeyPatch.context() as patch:
        weaken(patch)
        assert attack(), "the attack fails without the guard too: this test would not notice that it is gone"
