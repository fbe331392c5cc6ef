"""Sealed values and the ring of keys: what opens, what is refused, and what a missing key says."""

from __future__ import annotations

import json

import pytest

from ehr_core.kernel.errors import Conflict, StartupFailed
from ehr_core.kernel.key_ring import KeyRing, KeySource
from ehr_core.kernel.settings import Settings
from ehr_core.kernel.vault import KeyMissing, NotOpened, Vault, key_id_of
from tests.lib.weakened import assert_guarded


@pytest.fixture
def vault(tmp_path):
    return Vault(KeySource(None, None, tmp_path / "keys.json"))


def test_a_value_opens_where_it_was_sealed_and_nowhere_else(vault):
    sealed = vault.seal(b"123-45-6789", "fhir.Patient/ana/1#1")
    assert vault.open(sealed, "fhir.Patient/ana/1#1") == b"123-45-6789"
    assert "6789" not in sealed
    for place in ("fhir.Patient/ben/1#1", "fhir.Patient/ana/2#1", "fhir.Patient/ana/1#2", ""):
        with pytest.raises(NotOpened):
            vault.open(sealed, place)


def test_the_same_value_never_looks_the_same_twice(vault):
    assert vault.seal(b"x", "p") != vault.seal(b"x", "p")


@pytest.mark.parametrize("place", [0, 40, 70, -1])
def test_a_changed_byte_is_noticed(vault, place):
    import base64

    sealed = vault.seal(b"value", "p")
    head, _, coded = sealed.rpartition(":")
    raw = bytearray(base64.urlsafe_b64decode(coded))
    raw[place] ^= 1
    with pytest.raises(NotOpened):
        vault.open(f"{head}:{base64.urlsafe_b64encode(bytes(raw)).decode()}", "p")


@pytest.mark.parametrize(
    "text", ["", "almoner-sealed:", "almoner-sealed:k:", "almoner-sealed:k:AAAA", "k:!!"]
)
def test_what_is_no_sealed_value_is_refused(vault, text):
    with pytest.raises(NotOpened):
        vault.open(text, "p")


def test_after_a_rotation_old_values_open_and_new_ones_use_the_new_key(vault):
    old = vault.seal(b"value", "p")
    vault.source.write(vault.ring.with_new_key())
    vault.look_again()
    new = vault.wrap_again(old, "p")
    assert key_id_of(old) != key_id_of(new) == vault.ring.active
    assert vault.open(old, "p") == vault.open(new, "p") == b"value"
    assert vault.seal(b"x", "p").startswith(f"almoner-sealed:{vault.ring.active}:")


def test_a_key_that_is_gone_is_named_and_nothing_opens(vault):
    sealed, gone = vault.seal(b"value", "p"), vault.ring.active
    vault.source.write(vault.ring.with_new_key().without(gone))
    vault.look_again()
    with pytest.raises(KeyMissing, match=gone):
        vault.open(sealed, "p")


def test_another_process_learns_of_a_new_key_when_it_meets_it(vault, tmp_path):
    other = Vault(KeySource(None, None, tmp_path / "keys.json"))
    vault.source.write(vault.ring.with_new_key())
    vault.look_again()
    assert other.open(vault.seal(b"value", "p"), "p") == b"value"


def test_the_key_in_use_cannot_be_taken_out(vault):
    with pytest.raises(Conflict, match="in use"):
        vault.ring.without(vault.ring.active)


def test_the_search_hash_is_stable_and_keyed(vault, tmp_path):
    other = Vault(KeySource(None, None, tmp_path / "other.json"))
    assert vault.search_hash("123-45-6789") == vault.search_hash("123-45-6789")
    assert vault.search_hash("123-45-6789") != other.search_hash("123-45-6789")


def test_the_file_is_its_owners_alone_and_two_starters_agree(tmp_path):
    path = tmp_path / "keys.json"
    first, second = KeySource(None, None, path).read(), KeySource(None, None, path).read()
    assert first == second
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"active": "a", "keys": {"b": "AA=="}}',
        '{"active": "k", "keys": {"k": "short"}, "search": "x"}',
    ],
)
def test_a_ring_that_cannot_be_read_stops_the_start_and_tells_no_key(tmp_path, text):
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(StartupFailed, match=r"no key ring|key file") as error:
        KeySource(None, None, path).read()
    assert "AA==" not in error.value.message


def test_the_ring_comes_from_the_environment_a_command_or_a_file(tmp_path):
    ring = KeyRing()
    text = ring.model_dump_json()
    (tmp_path / "ring.json").write_text(text)
    given = KeySource.of(Settings(state=tmp_path, encryption_keys=text, encryption_key_command=None))
    assert given.read() == ring
    asked = KeySource(None, f"cat {tmp_path / 'ring.json'}", None)
    assert asked.read() == ring
    with pytest.raises(Conflict, match="environment or a command"):
        asked.write(ring)
    for command in ("false", "no-such-program-here", "echo {}x"):
        with pytest.raises(StartupFailed):
            KeySource(None, command, None).read()


def test_without_the_place_in_the_seal_a_swapped_value_would_open(vault):
    from ehr_core.kernel import vault as module

    plain_encrypt, plain_decrypt = module._encrypt, module._decrypt

    def attack() -> bool:
        sealed = vault.seal(b"value", "of ana")
        try:
            return vault.open(sealed, "of ben") == b"value"
        except NotOpened:
            return False

    def weaken(patch):
        patch.setattr(module, "_encrypt", lambda key, value, place: plain_encrypt(key, value, ""))
        patch.setattr(module, "_decrypt", lambda key, raw, place: plain_decrypt(key, raw, ""))

    assert_guarded(attack, weaken)


def test_the_ring_is_valid_json_with_all_its_parts():
    assert set(json.loads(KeyRing().model_dump_json())) == {"active", "keys", "search"}
