"""Envelope encryption of single values: AES-256-GCM under a key of the value's own, which a key of the ring wraps.

A sealed value is text, `almoner-sealed:<key id>:<base64>`. It opens only in the place that it was sealed for: the place
is authenticated with both layers. Rotation re-wraps the value's key and leaves the value's bytes alone.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import threading
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ehr_core.kernel.errors import Conflict, Unavailable
from ehr_core.kernel.key_ring import KEY_BYTES, KeyRing, KeySource
from ehr_core.kernel.settings import Settings

MARK = "almoner-sealed:"
NONCE, TAG = 12, 16
WRAPPED = NONCE + KEY_BYTES + TAG
LOOK_AGAIN_SECONDS = 2.0
"""A process learns of a new key in the file after this time at the latest."""
COMMAND_AGAIN_SECONDS = 300.0
"""The same of a ring that a command prints: it may ask a key service."""


class NotOpened(Conflict):
    """A sealed value was changed, or stands where it was not sealed for."""


class KeyMissing(Unavailable):
    """The ring does not hold the key that a value was sealed with."""


class Vault:
    """Seals and opens with the ring of one source. `documents`: which of them the site encrypts."""

    @classmethod
    def of(cls, settings: Settings) -> Vault:
        return cls(KeySource.of(settings), settings.encrypt_documents)

    def __init__(self, source: KeySource, documents: str = "psychotherapy"):
        self.source = source
        self.documents = documents
        self._lock = threading.Lock()
        self._ring, self._stamp = source.read(), source.stamp()
        self._looked = time.monotonic()

    @property
    def ring(self) -> KeyRing:
        """As it is now, read again when its file has changed."""
        every = LOOK_AGAIN_SECONDS if self.source.path else COMMAND_AGAIN_SECONDS
        if time.monotonic() - self._looked > every:
            self.look_again()
        return self._ring

    def look_again(self) -> None:
        with self._lock:
            stamp = self.source.stamp()
            if stamp != self._stamp or self.source.path is None:
                self._ring, self._stamp = self.source.read(), stamp
            self._looked = time.monotonic()

    def seal(self, value: bytes, place: str) -> str:
        ring = self.ring
        own = secrets.token_bytes(KEY_BYTES)
        return _text(ring.active, self._wrapped(ring, own, place) + _encrypt(own, value, place))

    def open(self, sealed: str, place: str) -> bytes:
        """Raises NotOpened, or KeyMissing, which names the key."""
        key_id, raw = _parts(sealed)
        return _decrypt(self._unwrapped(key_id, raw, place), raw[WRAPPED:], place)

    def wrap_again(self, sealed: str, place: str) -> str:
        """The same value with its key wrapped by the key in use; opens nothing of the value itself."""
        key_id, raw = _parts(sealed)
        own = self._unwrapped(key_id, raw, place)
        return _text(self.ring.active, self._wrapped(self.ring, own, place) + raw[WRAPPED:])

    def search_hash(self, value: str) -> str:
        """Finds an encrypted value without opening any: the same for the same value, and nobody's without the key."""
        return hmac.digest(self.ring.search_key, value.encode(), "sha256").hex()

    def _wrapped(self, ring: KeyRing, own: bytes, place: str) -> bytes:
        return _encrypt(self._key(ring.active), own, f"key of {place}")

    def _unwrapped(self, key_id: str, raw: bytes, place: str) -> bytes:
        return _decrypt(self._key(key_id), raw[:WRAPPED], f"key of {place}")

    def _key(self, key_id: str) -> bytes:
        key = self._ring.key(key_id)
        may_look = self.source.path is not None or time.monotonic() - self._looked > LOOK_AGAIN_SECONDS
        if key is None and may_look:
            self.look_again()
            key = self._ring.key(key_id)
        if key is None:
            raise KeyMissing(
                f"The encryption key '{key_id}' is not in the key ring, so what it sealed cannot be read. Put it back."
            )
        return key


def key_id_of(sealed: str) -> str:
    return _parts(sealed)[0]


def _encrypt(key: bytes, value: bytes, place: str) -> bytes:
    nonce = secrets.token_bytes(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, value, place.encode())


def _decrypt(key: bytes, raw: bytes, place: str) -> bytes:
    try:
        return AESGCM(key).decrypt(raw[:NONCE], raw[NONCE:], place.encode())
    except (InvalidTag, ValueError) as error:
        raise NotOpened("A sealed value was changed, or stands where it was not sealed for.") from error


def _text(key_id: str, raw: bytes) -> str:
    return f"{MARK}{key_id}:{base64.urlsafe_b64encode(raw).decode()}"


def _parts(sealed: str) -> tuple[str, bytes]:
    key_id, _, coded = sealed.removeprefix(MARK).partition(":")
    try:
        raw = base64.urlsafe_b64decode(coded)
    except ValueError:
        raw = b""
    if not sealed.startswith(MARK) or len(raw) < WRAPPED + NONCE + TAG:
        raise NotOpened("A sealed value was cut short.")
    return key_id, raw


_open: list[Vault] = []


def use_vault(opened: Vault) -> None:
    """From now on this process seals and opens with it."""
    _open[:] = [opened]


def vault() -> Vault:
    """This process's vault; from the settings of its environment when nobody has said otherwise."""
    if not _open:
        use_vault(Vault.of(Settings()))
    return _open[0]
