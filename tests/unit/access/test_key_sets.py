"""Which keys of a fetched set are kept, what refuses the whole set, and how long it is good."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from ehr_core.access.key_sets import (
    LEAST_LIFE,
    LONGEST_LIFE,
    MOST_KEYS,
    USUAL_LIFE,
    KeySetRefused,
    SecretShown,
    life_of,
    read_fetched,
)

RSA = RSAKey.generate_key(2048).as_dict(private=False)
EC = ECKey.generate_key("P-384").as_dict(private=False)


def kids(*keys: dict) -> list[str]:
    return [key["kid"] for key in read_fetched(json.dumps({"keys": keys}).encode())]


def test_suitable_keys_are_kept_and_cut_to_what_checking_needs():
    shown = RSA | {"kid": "r", "x5u": "https://127.0.0.1/", "x5c": ["AAAA"], "key_ops": ["verify"]}
    kept = read_fetched(json.dumps({"keys": [shown, EC | {"kid": "e", "use": "sig"}]}).encode())
    assert [key["alg"] for key in kept] == ["RS384", "ES384"]
    assert kept[0].keys() == {"kty", "n", "e", "kid", "alg", "use"}
    assert [key.kid for key in KeySet.import_key_set({"keys": kept})] == ["r", "e"]


@pytest.mark.parametrize(
    "other",
    [
        ECKey.generate_key("P-256").as_dict(private=False),
        OKPKey.generate_key("Ed25519").as_dict(private=False),
        RSA | {"use": "enc"},
        RSA | {"alg": "RS256"},
        RSA | {"alg": "ES384"},
        RSA | {"key_ops": ["encrypt"]},
        RSA | {"key_ops": "verify"},
        RSA | {"n": RSA["n"] + "="},
        RSA | {"n": "A" * 2000},
        RSA | {"e": "AQ"},
        RSA | {"n": 5},
        EC | {"x": EC["y"]},
        EC | {"crv": "P-521"},
        {"kty": "EC", "crv": "P-384"},
        {"kty": ["RSA"]},
        {"kty": "unheard-of"},
    ],
)
def test_another_key_is_left_out_and_the_rest_stays(other):
    assert kids(other | {"kid": "other"}, EC | {"kid": "good"}) == ["good"]


@pytest.mark.filterwarnings("ignore:Key size should be")
def test_a_short_rsa_key_is_left_out():
    assert kids(RSAKey.generate_key(1024).as_dict(private=False) | {"kid": "short"}) == []


@pytest.mark.parametrize("kid", [None, "", 5, "x" * 201, "a\0b", "\ud800", ["k"]])
def test_a_key_that_cannot_be_named_is_left_out(kid):
    assert kids(EC | {"kid": kid}) == []


def test_of_two_keys_of_one_name_the_first_counts():
    other = ECKey.generate_key("P-384").as_dict(private=False)
    (kept,) = read_fetched(json.dumps({"keys": [EC | {"kid": "k"}, other | {"kid": "k"}]}).encode())
    assert kept["x"] == EC["x"]


@pytest.mark.parametrize(
    "secret",
    [
        ECKey.generate_key("P-384").as_dict(private=True),
        OctKey.generate_key(256).as_dict(private=True),
        RSA | {"d": "AA"},
        {"kty": "oct"},
        {"kty": "AKP", "priv": "AA"},
    ],
)
def test_a_private_or_shared_key_refuses_the_whole_set(secret):
    with pytest.raises(SecretShown, match="private or shared key"):
        kids(EC | {"kid": "good"}, secret | {"kid": "s"})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b"null",
        b'{"keys": {}}',
        b'{"keys": ["AAAA"]}',
        b'{"keys": null}',
        b"\xff\xfe",
        b"[" * 60_000,
        json.dumps({"keys": [EC | {"kid": str(n)} for n in range(MOST_KEYS + 1)]}).encode(),
    ],
)
def test_what_is_no_key_set_is_refused(content):
    with pytest.raises(KeySetRefused):
        read_fetched(content)


def test_an_empty_set_is_one():
    assert read_fetched(b'{"keys": []}') == []


@pytest.mark.parametrize(
    ("cache_control", "age", "life"),
    [
        (None, None, USUAL_LIFE),
        ("", None, USUAL_LIFE),
        ("public", None, USUAL_LIFE),
        ("max-age=600", None, timedelta(minutes=10)),
        ("public, MAX-AGE = 600", None, timedelta(minutes=10)),
        ('max-age="600"', None, timedelta(minutes=10)),
        ("max-age=600", "240", timedelta(minutes=6)),
        ("max-age=600", "soon", timedelta(minutes=10)),
        ("max-age=600, max-age=300", None, timedelta(minutes=5)),
        ("max-age=0", None, LEAST_LIFE),
        ("max-age=600", "99999999999999", LEAST_LIFE),
        ("max-age=-5", None, USUAL_LIFE),
        ("s-maxage=5", None, USUAL_LIFE),
        ("x-max-age=5", None, USUAL_LIFE),
        ("max-age=31536000", None, LONGEST_LIFE),
        ("max-age=" + "9" * 5000, None, LONGEST_LIFE),
        ("no-store", None, LEAST_LIFE),
        ("max-age=600, no-cache", None, LEAST_LIFE),
        ("max-age=٥", None, USUAL_LIFE),
    ],
)
def test_a_set_is_good_as_long_as_its_answer_says_within_a_minute_and_a_day(cache_control, age, life):
    assert life_of(cache_control, age) == life
