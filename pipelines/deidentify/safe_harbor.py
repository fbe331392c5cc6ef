"""The safe-harbor zone: the limited zone's resources scrubbed once more, under random record codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from pipelines.deidentify.engine import Deidentifier
from pipelines.deidentify.profile import load_profile
from pipelines.deidentify.report import DropReport
from pipelines.deidentify.stream import read_lines, scrub_stream
from pipelines.deidentify.surrogates import RandomSurrogates


def make_safe_harbor(
    limited: Mapping[str, Sequence[Path]], folder: Path, codes: RandomSurrogates, *, as_of: date
) -> DropReport:
    """Scrubs the limited zone's files (by resource type, as `resource_files` lists them) into `folder`.

    Record codes are random and held by `codes`, which the caller keeps or forgets: one entry a resource, so a large
    population is made shard by shard of patients. `as_of` is the day that ages are counted by.
    """
    deidentifier = Deidentifier(load_profile("safe_harbor"), codes, as_of=as_of)
    for resource_type, paths in limited.items():
        scrub_stream(deidentifier, resource_type, read_lines(paths), folder)
    return deidentifier.report
