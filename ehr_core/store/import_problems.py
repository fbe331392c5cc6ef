"""What went wrong with one piece of an import: said in one line, and written to a file when all of it is wanted."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ehr_core.kernel.errors import Unavailable

FRESH = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
FOR_ITS_OWNER = 0o600


class Origin(NamedTuple):
    """Where in the input something stands: file, line and, inside a Bundle, the element."""

    file: str
    line: int
    element: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that went wrong: file, line, element and reason. `kept` says that the resource was stored anyway."""

    file: str
    line: int
    path: str
    reason: str
    kept: bool = False

    def __str__(self) -> str:
        path = f" {self.path}" if self.path else ""
        return f"{self.file}, line {self.line}:{path} {self.reason}{' (kept)' if self.kept else ''}"


class ProblemFile:
    """Takes every problem as a line of NDJSON when it is found; nobody but its owner may read the file.

    Raises Unavailable when it cannot be written.
    """

    def __init__(self, path: Path):
        self.path = path
        self._file = self._try(lambda: os.fdopen(os.open(path, FRESH, FOR_ITS_OWNER), "wb"))

    def write(self, problem: Problem) -> None:
        self._try(lambda: self._file.write(msgspec.json.encode(problem) + b"\n"))

    def close(self) -> None:
        self._try(self._file.close)

    def _try(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except OSError as error:
            raise Unavailable(
                f"The problems cannot be written to '{self.path}' ({error.strerror}). Name another file."
            ) from error
