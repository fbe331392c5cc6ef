"""Reads a Subscription as the R5 backport writes one in R4, and refuses what cannot be kept, naming the element.

Source: HL7 Subscriptions R5 Backport 1.1.0, R4 profile of Subscription.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from ehr_core.access.chart_policy import may_read
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.subscriptions.topics import Topic, topic_of
from ehr_core.kernel.errors import AlmonerError, InvalidResource, Issue
from ehr_core.kernel.fhir_json import decode
from ehr_core.outside.addresses import AddressRefused, Reach, check_shape
from ehr_core.store.dates import bounds
from ehr_core.store.primitives import problem_with
from ehr_core.store.repository import Store
from ehr_core.store.search import Asked
from ehr_core.store.search_parameters import CONTROLS
from ehr_core.store.validation import validate

BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
FILTER = f"{BACKPORT}/backport-filter-criteria"
CONTENT = f"{BACKPORT}/backport-payload-content"
HEARTBEAT = f"{BACKPORT}/backport-heartbeat-period"
TIMEOUT = f"{BACKPORT}/backport-timeout"
MOST_EVENTS = f"{BACKPORT}/backport-max-count"
CONTENTS = ("empty", "id-only", "full-resource")
JSON_PAYLOADS = frozenset({"application/fhir+json", "application/json"})

MOST_FILTERS = 10
LEAST_HEARTBEAT_SECONDS, LONGEST_HEARTBEAT_SECONDS = 10, 7 * 24 * 3600
USUAL_TIMEOUT_SECONDS, LONGEST_TIMEOUT_SECONDS = 10, 30
USUAL_EVENTS, MOST_EVENTS_AT_ONCE = 20, 100

HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,60}):[ \t]*([\x21-\x7e][\x20-\x7e]{0,2000})")
OWN_HEADERS = frozenset(
    {"accept", "connection", "content-encoding", "content-length", "content-type", "cookie", "expect", "host"}
    | {
        "keep-alive",
        "origin",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
    }
    | {"upgrade", "user-agent", "x-almoner-signature"}
)
"""Headers that are ours, or that would change how the message is read on its way."""
HIDDEN = "***"


@dataclass(frozen=True)
class AskedFor:
    """`filters` are (type, query); `headers` are kept sealed and given back to nobody."""

    topic: Topic
    filters: tuple[tuple[str, str], ...]
    endpoint: str
    headers: tuple[tuple[str, str], ...]
    content: str
    heartbeat_seconds: int | None
    timeout_seconds: int
    most_events: int
    ends_at: datetime | None
    off: bool
    kept: dict[str, Any]


def read_subscription(work: UnitOfWork, body: bytes, reach: Reach) -> AskedFor:
    """Raises InvalidResource; Forbidden from whoever may read nothing of what the topic is about."""
    validate("Subscription", body)
    resource = decode(body)
    channel = resource["channel"]
    topic = topic_of(resource["criteria"])
    _require(channel.get("type") == "rest-hook", "channel.type", "must be rest-hook: no other is spoken here")
    payload = channel.get("payload", "application/fhir+json")
    _require(payload in JSON_PAYLOADS, "channel.payload", "must be application/fhir+json")
    endpoint = channel.get("endpoint")
    _require(bool(endpoint), "channel.endpoint", "is required for rest-hook")
    try:
        check_shape(endpoint, reach, "endpoint")
    except AddressRefused as refused:
        raise InvalidResource([Issue("Subscription.channel.endpoint", refused.message)]) from None
    _require(
        resource["status"] in ("requested", "active", "off"), "status", "must be requested, or off to end it"
    )
    headers = _headers(channel.get("header", ()))
    kept = resource | {
        "channel": channel | ({"header": [f"{name}: {HIDDEN}" for name, _ in headers]} if headers else {})
    }
    return AskedFor(
        topic,
        _filters(work, topic, resource.get("_criteria")),
        endpoint,
        headers,
        _content(channel.get("_payload")),
        _number(channel, HEARTBEAT, None, LEAST_HEARTBEAT_SECONDS, LONGEST_HEARTBEAT_SECONDS),
        _number(channel, TIMEOUT, USUAL_TIMEOUT_SECONDS, 1, LONGEST_TIMEOUT_SECONDS) or USUAL_TIMEOUT_SECONDS,
        _number(channel, MOST_EVENTS, USUAL_EVENTS, 1, MOST_EVENTS_AT_ONCE) or USUAL_EVENTS,
        _end(work, resource.get("end")),
        resource["status"] == "off",
        kept,
    )


def criteria_of(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True, max_num_fields=20)


def _require(fine: bool, element: str, sentence: str) -> None:
    if not fine:
        raise InvalidResource([Issue(f"Subscription.{element}", sentence)])


def _values(holder: dict[str, Any] | None, url: str) -> list[Any]:
    found = (one for one in (holder or {}).get("extension") or () if one.get("url") == url)
    return [next((one[key] for key in one if key.startswith("value")), None) for one in found]


def _content(payload: dict[str, Any] | None) -> str:
    found = _values(payload, CONTENT)
    _require(
        len(found) == 1 and found[0] in CONTENTS,
        "channel.payload.extension",
        f"must say by {CONTENT} what is sent: {', '.join(CONTENTS)}",
    )
    return found[0]


def _number(channel: dict[str, Any], url: str, usual: int | None, least: int, most: int) -> int | None:
    found = _values(channel, url)
    if not found:
        return usual
    number = found[0]
    fine = isinstance(number, int) and not isinstance(number, bool) and least <= number <= most
    _require(fine, "channel.extension", f"{url.rpartition('/')[2]} must be a number from {least} to {most}")
    return number


def _end(work: UnitOfWork, text: str | None) -> datetime | None:
    if text is None:
        return None
    _require(not problem_with("instant", text), "end", "must be an instant")
    moment = bounds(text, work.site_time_zone)[0]
    _require(moment > work.now(), "end", "must be in the future")
    return moment


def _headers(given: Any) -> tuple[tuple[str, str], ...]:
    found = []
    _require(len(given) <= 10, "channel.header", "has at most 10 headers")
    for number, line in enumerate(given):
        match = HEADER.fullmatch(line)
        fine = match is not None and match[1].lower() not in OWN_HEADERS and match[2].strip() != HIDDEN
        _require(
            fine,
            f"channel.header[{number}]",
            "must be 'Name: value' in ASCII, its value given anew each time, and no header of the message itself",
        )
        found.append((match[1], match[2].strip()))
    return tuple(found)


def _filters(work: UnitOfWork, topic: Topic, criteria: dict[str, Any] | None) -> tuple[tuple[str, str], ...]:
    """Each understood as a search of its type before it is kept."""
    given = _values(criteria, FILTER)
    readable = [name for name in topic.resources if may_read(work.actor, name)]
    _require(len(given) <= MOST_FILTERS, "criteria.extension", f"has at most {MOST_FILTERS} filters")
    _require(bool(readable), "criteria", "is about resources that your scopes do not let you read")
    found = []
    for number, text in enumerate(given):
        place = f"criteria.extension[{number}]"
        type_name, question, query = str(text).partition("?")
        _require(
            bool(question) and type_name in topic.resources,
            place,
            f"must be Type?query of {', '.join(topic.resources)}",
        )
        pairs = criteria_of(query)
        shaping = {
            name
            for name, _ in pairs
            if name in CONTROLS or name.partition(":")[0].startswith(("_include", "_rev"))
        }
        _require(bool(pairs) and not shaping, place, "must hold search criteria alone")
        try:
            Asked.of(type_name, pairs, Store(work).asking(), limit=1)
        except AlmonerError as refused:
            raise InvalidResource([Issue(f"Subscription.{place}", refused.message)]) from None
        found.append((type_name, query))
    return tuple(found)
