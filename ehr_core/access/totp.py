"""The second factor: time-based codes of six digits. Each code works once.

Source: RFC 6238 (30-second steps, SHA-1, six digits: what every authenticator app speaks).
"""

from __future__ import annotations

from datetime import datetime

import pyotp

STEP_SECONDS = 30
DRIFT_STEPS = 1
"""A phone's clock may be one step off either way."""


def new_secret() -> str:
    """A new shared secret, 160 bits in base32."""
    return pyotp.random_base32()


def enrolment_uri(secret: str, *, username: str, site_name: str) -> str:
    """The `otpauth://` address that an authenticator app reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=site_name)


def accepted_step(secret: str, code: str, *, now: datetime, last_step: int) -> int | None:
    """The step that this code belongs to, or None.

    A step at or before `last_step` is refused: a code that was seen cannot be used again.
    """
    digits = code.replace(" ", "")
    if len(digits) != 6 or not digits.isascii() or not digits.isdigit():
        return None
    current = int(now.timestamp()) // STEP_SECONDS
    generator = pyotp.TOTP(secret)
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        right = pyotp.utils.strings_equal(generator.at(step * STEP_SECONDS), digits)
        if right and step > last_step:
            return step
    return None
