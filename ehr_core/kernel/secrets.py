"""The installation's own secrets: made once, kept in the state folder, readable by its owner only."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from pydantic import BaseModel, Field

from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.state_folder import make_state_folder

FILE_NAME = "secrets.json"


def _random() -> str:
    return secrets.token_urlsafe(32)


class Secrets(BaseModel):
    """Random values that services share. A site keeps this file in its secret store."""

    postgres_password: str = Field(default_factory=_random)
    app_role_password: str = Field(default_factory=_random)
    token_signing_key: str = Field(default_factory=lambda: secrets.token_urlsafe(64))
    staff_client_secret: str = Field(default_factory=_random)
    portal_client_secret: str = Field(default_factory=_random)
    pipeline_client_secret: str = Field(default_factory=_random)
    remeasure_client_secret: str = Field(default_factory=_random)
    cookie_secret: str = Field(default_factory=_random)
    bulk_file_key: str = Field(default_factory=lambda: secrets.token_hex(32))
    pseudonym_master_key: str = Field(default_factory=lambda: secrets.token_hex(32))


def load_or_create_secrets(state_folder: Path) -> Secrets:
    """The secrets of this state folder; made on first use by whoever comes first (racing starters agree)."""
    path = state_folder / FILE_NAME
    if not path.exists():
        _create(path)
    try:
        return Secrets.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise StartupFailed(
            f"The secrets file '{path}' cannot be read. Restore it from a backup; a new one would lock out "
            "the data that the old one protects."
        ) from error


def _create(path: Path) -> None:
    make_state_folder(path.parent)
    draft = path.with_name(f".{FILE_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(Secrets().model_dump(), file, indent=2)
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)
