"""The shared test data beside the checkout: used when it is there, skipped with a clear reason when it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "data"


def shared_folder(*parts: str) -> Path | None:
    """The path of shared data, or None when it is not beside the checkout: for tests that are listed from files."""
    path = Path(os.environ.get("ALMONER_SHARED_DATA", DEFAULT)).joinpath(*parts)
    return path if path.exists() else None


def shared_data(*parts: str) -> Path:
    """The path of a shared file or folder; skips the test when the data is not beside the checkout."""
    path = shared_folder(*parts)
    if path is None:
        pytest.skip(f"shared test data '{'/'.join(parts)}' is not beside this checkout (ALMONER_SHARED_DATA)")
    return path
