"""Passwords, one-time codes, sealed values and signatures: what they accept and what they never do."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from argon2 import PasswordHasher
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from ehr_core.access.authorization_codes import challenge_matches
from ehr_core.access.id_token import IdTokenSigner
from ehr_core.access.passwords import hash_password, is_outdated, password_matches
from ehr_core.access.sealing import NotSealedHere, Seal, derive_key
from ehr_core.access.throttle import ADDRESS_LIMIT, NAME_LIMIT, PAIR_LIMIT, RecentFailures, may_try, place_of
from ehr_core.access.totp import accepted_step, enrolment_uri, new_secret
from ehr_core.kernel.errors import BadRequest

NOW = datetime(2026, 11, 20, 14, 0, 5, tzinfo=UTC)
STEP = int(NOW.timestamp()) // 30


def test_a_stored_hash_costs_an_attacker_memory():
    """Asked of a fresh process: here the tests have made it cheap."""
    asked = "from ehr_core.access.passwords import hash_password as h; print(h('correct horse battery', username='a'))"
    kept = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_password_matches_its_own_hash_only():
    kept = hash_password("correct horse battery", username="ana")
    assert kept.startswith("$argon2id$")
    assert password_matches(kept, "correct horse battery")
    assert not password_matches(kept, "Correct horse battery")
    assert not password_matches(None, "correct horse battery")
    assert not password_matches(None, "nobody has this password")
    assert not password_matches("not a hash", "correct horse battery")
    assert not is_outdated(kept)


@pytest.mark.parametrize("password", ["", "short", "x" * 257, "  Ana.Rivera@Clinic "])
def test_poor_passwords_are_refused(password):
    with pytest.raises(BadRequest):
        hash_password(password, username="ana.rivera@clinic")


@pytest.mark.parametrize(("drift", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_may_be_one_step_off(drift, good):
    secret = new_secret()
    code = pyotp.TOTP(secret).at(NOW + timedelta(seconds=30 * drift))
    assert (accepted_step(secret, code, now=NOW, last_step=0) is not None) is good


def test_a_step_that_was_used_is_not_accepted_again_nor_an_earlier_one():
    secret = new_secret()
    at = pyotp.TOTP(secret).at
    assert accepted_step(secret, at(NOW), now=NOW, last_step=STEP) is None
    assert accepted_step(secret, at(NOW - timedelta(seconds=30)), now=NOW, last_step=STEP) is None
    assert accepted_step(secret, at(NOW + timedelta(seconds=30)), now=NOW, last_step=STEP) == STEP + 1


def test_spaces_in_a_code_do_not_matter():
    secret = new_secret()
    code = pyotp.TOTP(secret).at(NOW)
    assert accepted_step(secret, f"{code[:3]} {code[3:]}", now=NOW, last_step=0) == STEP


def test_the_enrolment_address_names_site_and_user():
    uri = enrolment_uri(new_secret(), username="ana", site_name="Riverside & Co")
    assert uri.startswith("otpauth://totp/")
    assert "issuer=Riverside%20%26%20Co" in uri


def test_sealed_bytes_open_for_the_same_purpose_and_context_only():
    sealed = Seal("master", "totp").close(b"value", "account-1")
    assert Seal("master", "totp").open(sealed, "account-1") == b"value"
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for seal, data, context in [
        (Seal("master", "totp"), sealed, "account-2"),
        (Seal("master", "page"), sealed, "account-1"),
        (Seal("other", "totp"), sealed, "account-1"),
        (Seal("master", "totp"), altered, "account-1"),
        (Seal("master", "totp"), sealed[:5], "account-1"),
        (Seal("master", "totp"), b"", "account-1"),
    ]:
        with pytest.raises(NotSealedHere):
            seal.open(data, context)


def test_two_sealings_of_one_value_differ_and_purposes_have_unrelated_keys():
    seal = Seal("master", "totp")
    assert seal.close(b"value", "x") != seal.close(b"value", "x")
    assert derive_key("master", "a") != derive_key("master", "b")


def test_an_id_token_is_read_only_when_this_key_signed_it():
    signer = IdTokenSigner("secret " * 10)
    assert signer.read(signer.sign({"sid": "s"}))["sid"] == "s"
    public = signer.public_key()
    forged = [
        IdTokenSigner("another " * 10).sign({"sid": "s"}),
        jwt.encode({"alg": "ES256", "kid": public["kid"]}, {"sid": "s"}, ECKey.generate_key("P-256")),
        jwt.encode({"alg": "HS256"}, {"sid": "s"}, OctKey.import_key(public["x"] * 2)),
        "eyJhbGciOiJub25lIn0.eyJzaWQiOiJzIn0.",
        "",
    ]
    for token in forged:
        with pytest.raises(BadRequest):
            signer.read(token)


def test_the_published_key_has_no_private_part():
    key = IdTokenSigner("secret " * 10).public_key()
    assert set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"}


def test_the_challenge_of_the_standard_matches_its_verifier():
    """The example of RFC 7636, appendix B."""
    verifier, challenge = (
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    )
    assert challenge_matches(challenge, verifier)
    assert not challenge_matches(challenge, verifier + "\n")
    assert not challenge_matches(verifier, verifier)
    assert not challenge_matches(challenge, "")


@pytest.mark.parametrize(
    ("here", "of_name", "of_address", "known", "allowed"),
    [
        (1, 1, 1, False, True),
        (PAIR_LIMIT, PAIR_LIMIT, 1, False, True),
        (PAIR_LIMIT + 1, PAIR_LIMIT + 1, 1, True, False),
        (1, NAME_LIMIT, 1, False, True),
        (1, NAME_LIMIT + 1, 1, False, False),
        (1, NAME_LIMIT + 1, 1, True, True),
        (1, 1, ADDRESS_LIMIT, True, True),
        (1, 1, ADDRESS_LIMIT + 1, True, True),
        (1, 1, ADDRESS_LIMIT + 1, False, False),
    ],
)
def test_who_may_try_again(here, of_name, of_address, known, allowed):
    assert may_try(RecentFailures(here, of_name, of_address, known)) is allowed


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_a_house_with_many_ipv6_addresses_counts_as_one(address, place):
    assert place_of(address) == place


def test_a_password_is_the_same_from_every_keyboard():
    composed, decomposed = "caf\u00e9 au lait pour tous", "cafe\u0301 au lait pour tous"
    for typed, again in ((composed, decomposed), (decomposed, composed)):
        assert password_matches(hash_password(typed, username="ana"), again)
    assert not password_matches(hash_password(composed, username="ana"), "cafe au lait pour tous")


def test_a_hash_of_a_password_as_it_was_typed_still_opens():
    decomposed = "cafe\u0301 au lait pour tous"
    before = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(decomposed)
    assert password_matches(before, decomposed)
    assert is_outdated(before)
