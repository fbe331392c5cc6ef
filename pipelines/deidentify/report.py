"""What de-identification did: lines in, lines out, what was dropped and how often. Paths, never content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from data_contracts.lake import DeidentificationReport, DroppedOfType

QUARANTINE_LINES_KEPT = 1000


@dataclass(frozen=True)
class Quarantined:
    """One line that was held back: where it stood, and why. `path` names the element when one is to blame."""

    resource_type: str
    line_number: int
    reason: str
    path: str | None = None


@dataclass
class TypeCount:
    """The balance of one resource type: lines in = lines out + the other three."""

    lines_in: int = 0
    lines_out: int = 0
    unlisted: int = 0
    withheld: int = 0
    quarantined: int = 0

    @property
    def is_balanced(self) -> bool:
        return self.lines_in == self.lines_out + self.unlisted + self.withheld + self.quarantined


@dataclass
class DropReport:
    """Grows while a Deidentifier works. `dropped` counts occurrences by path ('Observation.code.text').

    `held_back` counts quarantined lines by type, reason and the path that is to blame.
    """

    profile: str
    profile_version: str
    key_id: str
    types: dict[str, TypeCount] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    held_back: Counter[tuple[str, str, str | None]] = field(default_factory=Counter)
    quarantined: list[Quarantined] = field(default_factory=list)

    def of(self, resource_type: str) -> TypeCount:
        return self.types.setdefault(resource_type, TypeCount())

    @property
    def is_balanced(self) -> bool:
        """True when every line that came in is accounted for."""
        return all(count.is_balanced for count in self.types.values())

    def hold_back(self, line: Quarantined) -> None:
        """Counts a quarantined line; the first thousand are kept with their line number."""
        self.of(line.resource_type).quarantined += 1
        self.held_back[line.resource_type, line.reason, line.path] += 1
        if len(self.quarantined) < QUARANTINE_LINES_KEPT:
            self.quarantined.append(line)

    def add_dropped(self, entries: Iterable[Any]) -> None:
        """Adds paths, or groups of paths as remembered values keep them."""
        for entry, times in Counter(entries).items():
            self._add(entry, times)

    def _add(self, entry: Any, times: int) -> None:
        if isinstance(entry, str):
            self.dropped[entry] += times
            return
        for part in entry:
            self._add(part, times)

    def as_contract(self) -> DeidentificationReport:
        """The report as it lies beside the snapshot's manifest."""
        return DeidentificationReport(
            profile=self.profile,
            profile_version=self.profile_version,
            key_id=self.key_id,
            types={name: self._of_type(name, count) for name, count in sorted(self.types.items())},
        )

    def _of_type(self, resource_type: str, count: TypeCount) -> DroppedOfType:
        dropped = {
            path: times for path, times in self.dropped.items() if path.partition(".")[0] == resource_type
        }
        reasons = {
            f"{reason} at {path}" if path else reason: times
            for (name, reason, path), times in self.held_back.items()
            if name == resource_type
        }
        return DroppedOfType(
            **vars(count),
            dropped=dict(sorted(dropped.items())),
            quarantine_reasons=dict(sorted(reasons.items())),
        )
