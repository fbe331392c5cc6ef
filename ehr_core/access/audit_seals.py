"""Seals of the audit log, outside the database: one line a seal, each over the ends of all chains and the line before.

Whoever owns the database could write every chain anew; not the seals, which are authenticated with a key that only the
installation's secrets hold. Copy the file to where nobody who keeps the database can write.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, text

from ehr_core.access.sealing import derive_key
from ehr_core.kernel.clock import Clock
from ehr_core.kernel.errors import Conflict

FILE_NAME = "audit-seals.jsonl"

ALL_ENDS = text(
    "SELECT DISTINCT ON (writer) writer, sequence, encode(chain, 'hex') AS chain FROM audit.event "
    "ORDER BY writer, sequence DESC"
)
RECENT_ENDS = text(
    "SELECT DISTINCT ON (writer) writer, sequence, encode(chain, 'hex') AS chain FROM audit.event "
    "WHERE at >= CAST(:since AS timestamptz) - interval '1 hour' ORDER BY writer, sequence DESC"
)
"""An hour back, for rows of transactions that took long to commit."""


class SealBroken(Conflict):
    """The file of seals was changed, or is another installation's."""


class Seals:
    """The file in the state folder."""

    def __init__(self, state_folder: Path, signing_secret: str):
        self.path = state_folder / FILE_NAME
        self._key = derive_key(signing_secret, "audit-seal")

    def read(self) -> dict[str, tuple[int, str]]:
        """By writer: the last place and hash that were sealed. Raises SealBroken."""
        return self._followed(self._lines())[0]

    def add(self, connection: Connection, clock: Clock) -> int:
        """Seals the chains that grew since the last seal; how many did. Raises SealBroken.

        Processes of the API and the command line take turns: two lines after the same one would break the file. A last
        line that a full disk or a crash cut short sealed nothing: the new one takes its place.
        """
        with self.path.open("ab") as file:
            self.path.chmod(0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            return self._add(file, connection, clock)

    def _add(self, file: BinaryIO, connection: Connection, clock: Clock) -> int:
        whole = [line for line in self._lines() if line.endswith(b"\n")]
        known, last_line, last_at = self._followed(whole)
        if last_at is None:
            rows = connection.execute(ALL_ENDS)
        else:
            rows = connection.execute(RECENT_ENDS, {"since": last_at})
        grown = {
            row.writer: [row.sequence, row.chain]
            for row in rows
            if known.get(row.writer, (0, ""))[0] < row.sequence
        }
        if not grown:
            return 0
        content = {
            "at": clock.now().isoformat(),
            "ends": grown,
            "root": merkle_root(
                [f"{writer}:{place}:{end}" for writer, (place, end) in sorted(grown.items())]
            ),
            "before": hashlib.sha256(last_line).hexdigest(),
        }
        line = json.dumps(content | {"seal": self._seal(content)}, sort_keys=True).encode() + b"\n"
        file.truncate(len(b"".join(whole)))
        file.write(line)
        return len(grown)

    def _followed(self, lines: list[bytes]) -> tuple[dict[str, tuple[int, str]], bytes, str | None]:
        ends: dict[str, tuple[int, str]] = {}
        line, at = b"", None
        for number, following in enumerate(lines, start=1):
            try:
                content = json.loads(following)
                seal = content.pop("seal")
                good = content["before"] == hashlib.sha256(line).hexdigest()
                good = good and hmac.compare_digest(seal, self._seal(content))
            except (ValueError, KeyError, TypeError):
                good = False
            if not good:
                raise SealBroken(
                    f"Line {number} of '{self.path.name}' was changed, or lines before it are missing. Compare it "
                    "with the copy that you keep elsewhere."
                )
            ends |= {writer: (place, end) for writer, (place, end) in content["ends"].items()}
            line, at = following, content["at"]
        return ends, line, at

    def _lines(self) -> list[bytes]:
        return self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []

    def _seal(self, content: dict) -> str:
        return hmac.digest(self._key, json.dumps(content, sort_keys=True).encode(), "sha256").hex()


def merkle_root(leaves: list[str]) -> str:
    """The root over the leaves in their order; with it one chain's end can be proved without telling the others."""
    level = [hashlib.sha256(b"\0" + leaf.encode()).digest() for leaf in leaves]
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        level = [
            hashlib.sha256(b"\1" + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=True)
        ]
    return level[0].hex() if level else hashlib.sha256(b"").hexdigest()
