"""Slows down guessing without locking anybody out for ever.

Failures are counted by name and address together, so that a stranger's guesses do not lock the owner out at
their own desk. A name guessed at from many places is closed to addresses that never signed in with it, and an
address that tries many names is closed for a while to all but those that it signed in with. All three windows end by
themselves; refused attempts do not prolong them.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

PAIR_LIMIT, PAIR_WINDOW = 5, timedelta(minutes=15)
"""Failures for one name from one address. Source: NIST SP 800-63B allows at most 100 in a row."""

NAME_LIMIT, NAME_WINDOW = 30, timedelta(hours=1)
"""Failures for one name from all addresses; addresses that signed in with it lately are let through."""

ADDRESS_LIMIT, ADDRESS_WINDOW = 100, timedelta(minutes=15)
"""Failures from one address over all names: a clinic's people may share one."""

IPV6_NETWORK_BITS = 64
"""The smallest network that a household or an office is given. Source: RFC 6177."""

KNOWN_FOR = timedelta(days=30)
"""How long an address counts as known for a name after a successful sign-in."""


@dataclass(frozen=True)
class RecentFailures:
    """Counts that include the attempt being judged."""

    of_name_here: int
    of_name: int
    of_address: int
    address_is_known: bool


def may_try(failures: RecentFailures) -> bool:
    """Whether this attempt may be looked at at all."""
    if failures.of_name_here > PAIR_LIMIT:
        return False
    return failures.address_is_known or (
        failures.of_name <= NAME_LIMIT and failures.of_address <= ADDRESS_LIMIT
    )


def place_of(address: str) -> str:
    """What counts as one address: of IPv6 the network, as everybody at home there has 2^64 addresses to guess from."""
    try:
        read = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(read, ipaddress.IPv4Address) or read.ipv4_mapped:
        return str(getattr(read, "ipv4_mapped", None) or read)
    return str(ipaddress.ip_network((read, IPV6_NETWORK_BITS), strict=False))


def reserve_attempt(connection: Connection, name_hash: bytes, address: str, now: datetime) -> int:
    """Notes an attempt as failed before it is looked at, so that parallel guesses count each other.

    Commit before counting.
    """
    return connection.execute(
        text(
            "INSERT INTO access.sign_in_attempt (name_hash, address, at, outcome)"
            " VALUES (:name_hash, :address, :now, 'failed') RETURNING id"
        ),
        {"name_hash": name_hash, "address": place_of(address), "now": now},
    ).scalar_one()


def recent_failures(connection: Connection, name_hash: bytes, address: str, now: datetime) -> RecentFailures:
    row = connection.execute(
        text(
            """
            SELECT
              (SELECT count(*) FROM access.sign_in_attempt WHERE name_hash = :name_hash
                AND address = :address AND outcome = 'failed' AND at > :pair_since),
              (SELECT count(*) FROM access.sign_in_attempt WHERE name_hash = :name_hash
                AND outcome = 'failed' AND at > :name_since),
              (SELECT count(*) FROM access.sign_in_attempt WHERE address = :address
                AND outcome = 'failed' AND at > :address_since),
              EXISTS (SELECT FROM access.sign_in_attempt WHERE name_hash = :name_hash
                AND address = :address AND outcome = 'succeeded' AND at > :known_since)
            """
        ),
        {
            "name_hash": name_hash,
            "address": place_of(address),
            "pair_since": now - PAIR_WINDOW,
            "name_since": now - NAME_WINDOW,
            "address_since": now - ADDRESS_WINDOW,
            "known_since": now - KNOWN_FOR,
        },
    ).one()
    return RecentFailures(*row)


def forget_attempt(connection: Connection, attempt_id: int) -> None:
    """A refused attempt leaves no trace here (it has one in the audit log): the window does not grow."""
    connection.execute(
        text("DELETE FROM access.sign_in_attempt WHERE id = :attempt_id"), {"attempt_id": attempt_id}
    )


def attempt_succeeded(connection: Connection, attempt_id: int, name_hash: bytes, address: str) -> None:
    """The right person came in: their failures here are forgiven, and old rows go."""
    connection.execute(
        text("UPDATE access.sign_in_attempt SET outcome = 'succeeded' WHERE id = :attempt_id"),
        {"attempt_id": attempt_id},
    )
    connection.execute(
        text(
            "DELETE FROM access.sign_in_attempt"
            " WHERE name_hash = :name_hash AND address = :address AND outcome = 'failed'"
        ),
        {"name_hash": name_hash, "address": place_of(address)},
    )


def prune_attempts(connection: Connection, now: datetime) -> None:
    """Drops what no window looks at any more."""
    connection.execute(
        text(
            "DELETE FROM access.sign_in_attempt"
            " WHERE at < :known_since OR (outcome = 'failed' AND at < :name_since)"
        ),
        {"known_since": now - KNOWN_FOR, "name_since": now - max(NAME_WINDOW, ADDRESS_WINDOW, PAIR_WINDOW)},
    )
