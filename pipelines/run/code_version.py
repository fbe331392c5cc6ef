"""Which code computed a snapshot: the package's version and a fingerprint of everything that decides an answer."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DECIDING = ("pipelines", "data_contracts")
SUFFIXES = frozenset({".py", ".toml", ".csv", ".json"})


@cache
def code_version() -> str:
    """`0.1.0+1a2b3c4d5e6f`: changes whenever a rule, a code or a step changes."""
    root = Path(__file__).resolve().parents[2]
    fingerprint = blake2b(digest_size=6)
    for package in DECIDING:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                fingerprint.update(str(path.relative_to(root)).encode())
                fingerprint.update(path.read_bytes())
    try:
        released = version("almoner")
    except PackageNotFoundError:
        released = "0"
    return f"{released}+{fingerprint.hexdigest()}"
