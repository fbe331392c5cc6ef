"""A resource as a tree that can be changed, in which every number keeps the text that it was written with."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from ehr_core.kernel.errors import BadRequest

_encode = msgspec.json.Encoder().encode


class Exact(float):
    """A number with its text: 7.10 stays 7.10. Equal to any number of the same value."""

    text: str

    def __new__(cls, text: str) -> Exact:
        made = super().__new__(cls, text)
        made.text = text
        return made


def parse(body: bytes, what: str) -> Any:
    """The JSON value. Raises BadRequest, naming `what`, for anything that is no JSON in UTF-8."""
    try:
        return json.loads(body, parse_float=Exact, parse_int=_whole, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            f"{what} is not valid JSON in UTF-8. Check that the whole of it was sent."
        ) from error


def written(tree: Any) -> bytes:
    """The tree as JSON in one line. Raises BadRequest for half a character, which JSON can spell and UTF-8 cannot."""
    try:
        return _encode(_raw(tree))
    except UnicodeEncodeError:
        raise BadRequest(
            "A text holds half of a surrogate pair (\\ud800 to \\udfff). Send whole characters."
        ) from None


def _whole(text: str) -> int | Exact:
    number = int(text)
    return number if str(number) == text else Exact(text)


def _refuse(name: str) -> None:
    raise ValueError(name)


def _raw(node: Any) -> Any:
    if isinstance(node, Exact):
        return msgspec.Raw(node.text.encode())
    if isinstance(node, dict):
        return {name: _raw(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_raw(value) for value in node]
    return node
