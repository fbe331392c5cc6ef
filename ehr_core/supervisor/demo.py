"""The demo's sign-ins: written by the seed step into the state folder, shown by `almoner up`, never in production."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from ehr_core.kernel.settings import Settings

FILE_NAME = "demo_sign_ins.json"


class DemoSignIn(BaseModel):
    """One account of a named, synthetic person; `app` is the service to open: 'staff' or 'portal'."""

    app: str
    role: str
    name: str
    user_name: str
    password: str


_LIST = TypeAdapter(list[DemoSignIn])


def write_demo_sign_ins(state_folder: Path, sign_ins: list[DemoSignIn]) -> None:
    path = state_folder / FILE_NAME
    draft = path.with_suffix(".draft")
    draft.write_bytes(_LIST.dump_json(sign_ins, indent=2))
    os.chmod(draft, 0o600)
    draft.replace(path)


def demo_sign_ins(settings: Settings) -> list[DemoSignIn]:
    """Empty in production and before the demo was seeded."""
    path = settings.state_folder / FILE_NAME
    if settings.environment == "production" or not path.exists():
        return []
    return _LIST.validate_json(path.read_bytes())
