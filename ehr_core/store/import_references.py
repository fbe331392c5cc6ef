"""Whether what imported resources refer to is there: noted part by part, and asked in sets when all has been read.

What is referred to may come later in the input, so nothing is refused for it; what leads nowhere is told at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np
from sqlalchemy import Connection

from ehr_core.store.import_prepare import Preparation, identity_of
from ehr_core.store.import_problems import Problem
from ehr_core.store.reference_targets import existing
from ehr_core.store.resource_types import RESOURCE_TYPES

AT_ONCE = 10_000
REMEMBERED = 200_000
"""References that a process remembers to have noted: most are repeated within a short stretch of the input."""
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(tuple[str, str, int, str]).decode
Noted = tuple[str, str, int, str]
"""'Type/id', and the file, line and element that first refer to it."""


class ReferenceNotes:
    """What one process has seen referred to outside of the part it stands in."""

    def __init__(self, path: Path):
        self.path = path
        self._noted: set[str] = set()

    def add(self, done: Preparation) -> None:
        inside = {f"{one.type_name}/{one.resource_id}" for one in done.prepared}
        outside = {local: origin for local, origin in done.referred.items() if local not in inside}
        fresh = [local for local in outside if local not in self._noted]
        if len(self._noted) > REMEMBERED:
            self._noted.clear()
        self._noted.update(fresh)
        if fresh:
            with self.path.open("ab") as file:
                for local in fresh:
                    origin = outside[local]
                    file.write(_encode((local, origin.file, origin.line, origin.element)) + b"\n")


def leading_nowhere(connection: Connection, notes: Iterable[Path], seen: Iterable[Path]) -> Iterator[Problem]:
    """A problem for each 'Type/id' that neither the input nor the store has."""
    pairs = [np.fromfile(path, dtype="<u8").reshape(-1, 2)[:, 0] for path in seen]
    brought = np.unique(np.concatenate(pairs)) if pairs else np.empty(0, dtype="<u8")
    told: set[str] = set()
    for part in _parts(notes):
        keys = np.fromiter(
            (identity_of(*each[0].split("/", 1)) for each in part), dtype="<u8", count=len(part)
        )
        there = np.isin(keys, brought, assume_unique=False)
        left = [each for each, found in zip(part, there, strict=True) if not found]
        there_already = existing(connection, {each[0] for each in left})
        for local, file, line, element in left:
            if local not in there_already and local not in told:
                told.add(local)
                type_name = local.partition("/")[0]
                kept = type_name in RESOURCE_TYPES
                article = "an" if type_name[0] in "AEIO" else "a"
                words = f"{article} {type_name} that is not there" if kept else "a type that is not kept here"
                yield Problem(file, line, element, f"refers to {words}", kept=True)


def _parts(notes: Iterable[Path]) -> Iterator[list[Noted]]:
    part: list[Noted] = []
    for path in notes:
        with path.open("rb") as file:
            for line in file:
                part.append(_decode(line))
                if len(part) == AT_ONCE:
                    yield part
                    part = []
    if part:
        yield part
