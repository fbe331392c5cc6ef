"""The keys that marked fields are encrypted with: outside the database, each with an id, one of them in use.

From ALMONER_ENCRYPTION_KEYS, the answer of ALMONER_ENCRYPTION_KEY_COMMAND, or a file; the file of the state folder is
made on first use by whoever comes first.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError, model_validator

from ehr_core.kernel.errors import Conflict, StartupFailed
from ehr_core.kernel.settings import Settings
from ehr_core.kernel.state_folder import make_state_folder

FILE_NAME = "encryption-keys.json"
KEY_BYTES = 32
KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
COMMAND_SECONDS = 20


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _first_id() -> str:
    return f"key-{secrets.token_hex(4)}"


class KeyRing(BaseModel):
    """`active` is the id of the key that seals; the others only open. `search` makes keyed hashes and never changes."""

    active: str = Field(default_factory=_first_id)
    keys: dict[str, str] = Field(default_factory=dict)
    search: str = Field(default_factory=new_key)

    @model_validator(mode="after")
    def _is_whole(self) -> KeyRing:
        self.keys = self.keys or {self.active: new_key()}
        wrong = [name for name in self.keys if not KEY_ID.fullmatch(name)]
        short = [
            name for name, key in {**self.keys, "search": self.search}.items() if len(_raw(key)) != KEY_BYTES
        ]
        if wrong or short or self.active not in self.keys:
            raise ValueError("a key of 32 bytes in base64 for each id, the active one among them")
        return self

    def key(self, key_id: str) -> bytes | None:
        return _raw(self.keys[key_id]) if key_id in self.keys else None

    @property
    def search_key(self) -> bytes:
        return _raw(self.search)

    def with_new_key(self) -> KeyRing:
        """The same with one more key, which is the active one."""
        key_id = _first_id()
        return KeyRing(active=key_id, keys={**self.keys, key_id: new_key()}, search=self.search)

    def without(self, key_id: str) -> KeyRing:
        """Raises Conflict for the key in use."""
        if key_id == self.active:
            raise Conflict("This key is in use. Rotate first: `almoner keys rotate`.")
        return KeyRing(
            active=self.active, keys={k: v for k, v in self.keys.items() if k != key_id}, search=self.search
        )


@dataclass(frozen=True)
class KeySource:
    """Where a ring comes from; `path` is None where only somebody outside can change it."""

    given: str | None
    command: str | None
    path: Path | None

    @classmethod
    def of(cls, settings: Settings) -> KeySource:
        if settings.encryption_keys or settings.encryption_key_command:
            return cls(settings.encryption_keys, settings.encryption_key_command, None)
        return cls(None, None, settings.encryption_key_file or settings.state_folder / FILE_NAME)

    def read(self) -> KeyRing:
        """Raises StartupFailed, naming the source and never what is in it."""
        if self.given:
            return _parsed(self.given, "ALMONER_ENCRYPTION_KEYS")
        if self.command:
            return _parsed(_answer_of(self.command), "the answer of ALMONER_ENCRYPTION_KEY_COMMAND")
        path = self._file()
        if not path.exists():
            _create(path, KeyRing())
        try:
            return _parsed(path.read_text(), f"the key file '{path}'")
        except OSError as error:
            raise StartupFailed(f"The key file '{path}' cannot be read ({error.strerror}).") from error

    def write(self, ring: KeyRing) -> None:
        """Puts another ring in the file's place, whole or not at all."""
        path = self._file()
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        _write(draft, ring)
        draft.replace(path)

    def stamp(self) -> float:
        """Changes when the file does; 0 for other sources."""
        try:
            return self.path.stat().st_mtime_ns if self.path else 0
        except OSError:
            return -1

    def _file(self) -> Path:
        if self.path is None:
            raise Conflict(
                "The key ring comes from the environment or a command: put the new key in there and make it active."
            )
        return self.path


def _raw(key: str) -> bytes:
    try:
        return base64.b64decode(key, validate=True)
    except ValueError:
        return b""


def _parsed(text: str, source: str) -> KeyRing:
    try:
        return KeyRing.model_validate_json(text)
    except ValidationError:
        raise StartupFailed(
            f"{source[0].upper()}{source[1:]} is no key ring: JSON with 'active', 'keys' (32 bytes in base64 by id) "
            "and 'search'. Restore it from where you keep it; without it what it encrypted cannot be read."
        ) from None


def _answer_of(command: str) -> str:
    try:
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, timeout=COMMAND_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise StartupFailed(
            f"ALMONER_ENCRYPTION_KEY_COMMAND gave no key ring ({type(error).__name__}). Run it by hand to see why."
        ) from None
    return done.stdout


def _create(path: Path, ring: KeyRing) -> None:
    make_state_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    _write(draft, ring)
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)


def _write(path: Path, ring: KeyRing) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(ring.model_dump_json(indent=2))
        file.flush()
        os.fsync(file.fileno())
