"""Key sets of outside applications: which keys can check an assertion, and how long a fetched set is good. Pure.

Source: HL7 SMART App Launch 2.2, Client Authentication: Asymmetric; RFC 7517; RFC 9111, 5.2.2.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from ehr_core.kernel.errors import BadRequest

LEAST_RSA_BITS, MOST_RSA_BITS = 2048, 8192
"""Source of the least: NIST SP 800-131A, table 2. More than the most costs whoever checks a signature."""
MOST_KEYS = 50
LONGEST_KID = 200

LEAST_LIFE, LONGEST_LIFE = timedelta(minutes=1), timedelta(days=1)
USUAL_LIFE = timedelta(hours=1)
"""Of a set whose answer says nothing of it."""
MAX_AGE = re.compile(r'(?:^|,)\s*max-age\s*=\s*"?(\d{1,10})\d*"?\s*(?=,|$)', re.IGNORECASE | re.ASCII)
NOT_KEPT = re.compile(r"(?:^|,)\s*(?:no-store|no-cache)\s*(?=,|=|$)", re.IGNORECASE)

ALGORITHM_OF = {"RSA": "RS384", "EC": "ES384"}
PUBLIC_PARTS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}
SECRET_PARTS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
"""Of private and symmetric keys. Source: RFC 7518, 6; RFC 9964 for `priv`."""
BASE64URL = re.compile(r"[A-Za-z0-9_-]{1,1500}")


class KeySetRefused(BadRequest):
    """What was fetched is no set of keys that is kept."""


class SecretShown(KeySetRefused):
    """The address shows a private or shared key: whoever read it can sign as the application."""


def check_keys(jwks: str) -> None:
    """Public keys of RSA or elliptic curves alone: with a shared or private key a thief here could sign as the app."""
    try:
        keys = json.loads(jwks)["keys"]
        if not keys or any(key.get("kty") not in ("RSA", "EC") or "d" in key for key in keys):
            raise ValueError
        read = KeySet.import_key_set({"keys": keys}).keys
        if any(isinstance(key, RSAKey) and key.raw_value.key_size < LEAST_RSA_BITS for key in read):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, JoseError) as error:
        raise BadRequest(
            "jwks: give a JSON Web Key Set with the public RSA (2,048 bits or more) or EC keys of the application, "
            "and no private part."
        ) from error


def read_fetched(content: bytes) -> list[dict[str, str]]:
    """The keys of a fetched set that can check an assertion, cut to what that needs; others are left out.

    A set without any is read as an empty one: so an application shuts its own door. Raises KeySetRefused, SecretShown.
    """
    try:
        keys = json.loads(content)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise KeySetRefused("The answer is no JSON Web Key Set.") from None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise KeySetRefused("The answer is no JSON Web Key Set.")
    if len(keys) > MOST_KEYS:
        raise KeySetRefused(f"The set holds more than {MOST_KEYS} keys.")
    if any(key.get("kty") == "oct" or SECRET_PARTS & key.keys() for key in keys):
        raise SecretShown(
            "The set shows a private or shared key. Publish new keys, and their public parts alone."
        )
    kept: dict[tuple[str, str], dict[str, str]] = {}
    for key in keys:
        cut = _fit(key)
        if cut is not None:
            kept.setdefault((cut["kty"], cut["kid"]), cut)
    return list(kept.values())


def life_of(cache_control: str | None, age: str | None = None) -> timedelta:
    """How long a fetched set is good, by the headers of its answer: never over a day, never under a minute."""
    told = cache_control or ""
    if NOT_KEPT.search(told):
        return LEAST_LIFE
    seconds = [int(digits) for digits in MAX_AGE.findall(told)]
    if not seconds:
        return USUAL_LIFE
    old = int(age[:10]) if age is not None and age.isascii() and age.isdigit() else 0
    return min(max(timedelta(seconds=min(seconds) - old), LEAST_LIFE), LONGEST_LIFE)


def _fit(key: dict[str, Any]) -> dict[str, str] | None:
    """The public parts of a key for RS384 or ES384 that can be named; None for any other."""
    kty, kid, uses = key.get("kty"), key.get("kid"), key.get("key_ops")
    algorithm = ALGORITHM_OF.get(kty) if isinstance(kty, str) else None
    if algorithm is None or key.get("alg", algorithm) != algorithm or key.get("use", "sig") != "sig":
        return None
    if not isinstance(kid, str) or not 1 <= len(kid) <= LONGEST_KID or not kid.isprintable():
        return None
    if uses is not None and not (isinstance(uses, list) and "verify" in uses):
        return None
    parts = {name: key.get(name) for name in PUBLIC_PARTS[kty]}
    if not all(isinstance(part, str) and BASE64URL.fullmatch(part) for part in parts.values()):
        return None
    cut = {"kty": kty, **parts, "kid": kid, "alg": algorithm, "use": "sig"}
    return cut if _is_strong(cut) else None


def _is_strong(key: dict[str, str]) -> bool:
    try:
        if key["kty"] == "EC":
            return key["crv"] == "P-384" and ECKey.import_key(key).raw_value.key_size == 384
        return LEAST_RSA_BITS <= RSAKey.import_key(key).raw_value.key_size <= MOST_RSA_BITS
    except (JoseError, ValueError, TypeError, KeyError):
        return False
