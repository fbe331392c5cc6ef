"""De-identification: an allow-list compiled into structs, keyed pseudonyms, and a report of what was dropped."""

from __future__ import annotations

from ehr_core.kernel.pseudonym import PseudonymKey, derive_key
from pipelines.deidentify.engine import Deidentifier
from pipelines.deidentify.profile import Profile, load_profile, parse_profile
from pipelines.deidentify.report import DropReport, Quarantined, TypeCount
from pipelines.deidentify.safe_harbor import make_safe_harbor
from pipelines.deidentify.stream import StreamResult, read_lines, resource_files, scrub_stream
from pipelines.deidentify.surrogates import RandomSurrogates

__all__ = [
    "Deidentifier",
    "DropReport",
    "Profile",
    "PseudonymKey",
    "Quarantined",
    "RandomSurrogates",
    "StreamResult",
    "TypeCount",
    "derive_key",
    "load_profile",
    "make_safe_harbor",
    "parse_profile",
    "read_lines",
    "resource_files",
    "scrub_stream",
]
