"""Passwords: argon2id hashes, checked in the same time whether or not the account exists."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ehr_core.access.weak_passwords import why_weak
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.settings import Settings

MINIMUM_LENGTH = 12
"""Characters. NIST SP 800-63B asks for length, not for kinds of characters."""

MAXIMUM_LENGTH = 256
"""Characters. Longer ones would only make the hash expensive."""

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""argon2id, 19 MiB, two passes. Source: OWASP Password Storage Cheat Sheet; about 20 ms here."""


def hash_password(password: str, *, username: str) -> str:
    """The hash to store; refuses one that is too short, too long, or known to whoever guesses."""
    if not MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH:
        raise BadRequest(f"A password has {MINIMUM_LENGTH} to {MAXIMUM_LENGTH} characters. Choose another.")
    if weak := why_weak(password, username=username, breached=_breached_list()):
        raise BadRequest(weak)
    return _HASHER.hash(password)


def password_matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the right one. With no account (None) it works as long, and is False."""
    if len(password) > MAXIMUM_LENGTH:
        password = ""
    try:
        matches = _HASHER.verify(password_hash or _hash_of_nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return matches and password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def rehash(password: str) -> str:
    """A new hash of a password that was just found right."""
    return _HASHER.hash(password)


@cache
def _hash_of_nobody() -> str:
    return _HASHER.hash("nobody has this password")


@cache
def _breached_list() -> Path | None:
    return Settings().breached_passwords
