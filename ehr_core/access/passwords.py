"""Passwords: argon2id hashes, checked in the same time whether or not the account exists."""

from __future__ import annotations

import unicodedata
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
    password = normal_password(password)
    if not MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH:
        raise BadRequest(f"A password has {MINIMUM_LENGTH} to {MAXIMUM_LENGTH} characters. Choose another.")
    if weak := why_weak(password, username=username, breached=_breached_list()):
        raise BadRequest(weak)
    return _HASHER.hash(password)


def password_matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the right one. With no account (None) it works as long, and is False.

    Hashes that were made before passwords were normalised are of what was typed.
    """
    normal = normal_password(password)
    ways = ("",) if len(normal) > MAXIMUM_LENGTH else dict.fromkeys((normal, password))
    matches = any(_is_of(password_hash or _hash_of_nobody(), one) for one in ways)
    return matches and password_hash is not None


def _is_of(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def normal_password(password: str) -> str:
    """The same password from every keyboard, whichever way it writes an accent. Source: NIST SP 800-63B, 5.1.1.2."""
    return unicodedata.normalize("NFKC", password)


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def rehash(password: str) -> str:
    """A new hash of a password that was just found right."""
    return _HASHER.hash(normal_password(password))


@cache
def _hash_of_nobody() -> str:
    return _HASHER.hash("nobody has this password")


@cache
def _breached_list() -> Path | None:
    return Settings().breached_passwords
