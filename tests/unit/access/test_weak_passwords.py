"""Passwords that a guesser has before its owner: our own words, sequences, the user's name, and a site's list."""

from __future__ import annotations

import hashlib
import random

import pytest

from ehr_core.access.weak_passwords import is_breached, why_weak
from ehr_core.kernel.errors import Unavailable


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "P@ssw0rd!2026",
        "PasswordPassword1",
        "Qwertyuiop99",
        "123456789012",
        "abcdefghijklm",
        "zyxwvutsrqpon",
        "aaaaaaaaaaaa",
        "abababababab",
        "maria.lopez",
        "maria.lopez2026!",
        "Welcome-2026!",
    ],
)
def test_what_everybody_tries_first_is_refused(password):
    assert why_weak(password, username="maria.lopez", breached=None)


@pytest.mark.parametrize(
    "password",
    ["a long enough password", "correct horse battery", "demo-almoner-2026", "kestrel über dem Fluss"],
)
def test_a_few_words_of_ones_own_are_taken(password):
    assert why_weak(password, username="maria.lopez", breached=None) is None


@pytest.fixture
def breached(tmp_path):
    """Two thousand hashes, some with how often they were found."""
    chance = random.Random(7)
    words = [f"stolen password {number}" for number in range(2000)]
    lines = sorted(hashlib.sha1(word.encode(), usedforsecurity=False).hexdigest().upper() for word in words)
    file = tmp_path / "breached.txt"
    file.write_text("\n".join(f"{line}:{chance.randrange(1, 10**6)}" for line in lines) + "\n")
    return file


def test_a_stolen_password_is_found_wherever_it_stands_in_the_list(breached):
    assert all(is_breached(f"stolen password {number}", breached) for number in range(2000))
    assert not any(is_breached(f"own password {number}", breached) for number in range(500))
    told = why_weak("stolen password 7", username="x", breached=breached)
    assert "stolen" in told


def test_a_list_that_cannot_be_read_refuses_rather_than_lets_through(tmp_path):
    with pytest.raises(Unavailable, match="ALMONER_BREACHED_PASSWORDS"):
        is_breached("anything", tmp_path / "missing.txt")
