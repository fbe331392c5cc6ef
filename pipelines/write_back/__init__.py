"""Write-back: results leave the lake for the core, which alone turns pseudonyms back into patients."""

from __future__ import annotations

from pipelines.write_back.send import WRITTEN_BACK, RunStamp, send_changed, send_everything
from pipelines.write_back.strata import STRATA, derive_strata

__all__ = ["STRATA", "WRITTEN_BACK", "RunStamp", "derive_strata", "send_changed", "send_everything"]
