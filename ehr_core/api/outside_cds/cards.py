"""Reads what an outside service answered: as text, cut to size, with links that lead to the web and nowhere else.

Nothing in it is believed or done: `detail` stays unformatted, suggestions are words, system actions are not read.
Source: CDS Hooks 2.0, card attributes.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

from data_contracts.api.outside import OutsideCard, OutsideLink, OutsideReason

MOST_CARDS = 20
LONGEST = {"summary": 140, "detail": 4000, "label": 200, "code": 100}
INDICATORS = ("info", "warning", "critical")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Control characters, and those that turn the direction of writing or hide in it."""


class NoCards(ValueError):
    """The answer is not one of CDS Hooks."""


def read_cards(body: bytes, service_id: str, service: str) -> list[tuple[OutsideCard, str | None]]:
    """Each card with the id that the service gave it. Raises NoCards; a card without summary or source is one too."""
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NoCards("The answer is no JSON.") from None
    listed = answer.get("cards") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise NoCards("The answer holds no list of cards.")
    return [_card(one, service_id, service) for one in listed[:MOST_CARDS]]


def _card(given: Any, service_id: str, service: str) -> tuple[OutsideCard, str | None]:
    card = given if isinstance(given, dict) else {}
    source = card.get("source") if isinstance(card.get("source"), dict) else {}
    summary, label = _text(card.get("summary"), "summary"), _text(source.get("label"), "label")
    if not summary or not label:
        raise NoCards("A card lacks its summary or its source.")
    indicator = card.get("indicator")
    if indicator not in INDICATORS:
        raise NoCards("A card has no indicator that is known.")
    made = OutsideCard(
        card_id=str(uuid4()),
        service_id=service_id,
        service=service,
        summary=summary,
        detail=_text(card.get("detail"), "detail"),
        indicator=indicator,
        source=label,
        source_url=_address(source.get("url")),
        links=_links(card.get("links")),
        suggestions=[
            words for one in _dicts(card.get("suggestions")) if (words := _text(one.get("label"), "label"))
        ],
        reasons=_reasons(card.get("overrideReasons")),
    )
    outside_id = card.get("uuid")
    nameable = isinstance(outside_id, str) and outside_id and not CONTROL.search(outside_id)
    return made, outside_id[:200] if nameable else None


def _text(value: Any, kind: str) -> str:
    return CONTROL.sub("", value).strip()[: LONGEST[kind]] if isinstance(value, str) else ""


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value[:10] if isinstance(one, dict)] if isinstance(value, list) else []


def _address(value: Any) -> str | None:
    """A whole https address without a name in it; nothing else is ever made a link."""
    if not isinstance(value, str) or len(value) > 2000 or not value.isprintable() or " " in value:
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    fine = parts.scheme == "https" and parts.hostname and parts.username is None and "\\" not in value
    return value if fine else None


def _links(value: Any) -> list[OutsideLink]:
    """Those to the web; a SMART application is opened from its own registration here, not from a card."""
    return [
        OutsideLink(label=label, url=url)
        for one in _dicts(value)
        if one.get("type") == "absolute"
        and (label := _text(one.get("label"), "label"))
        and (url := _address(one.get("url")))
    ]


def _reasons(value: Any) -> list[OutsideReason]:
    return [
        OutsideReason(system=_text(one.get("system"), "label"), code=code, display=display)
        for one in _dicts(value)
        if (code := _text(one.get("code"), "code")) and (display := _text(one.get("display"), "label"))
    ]
