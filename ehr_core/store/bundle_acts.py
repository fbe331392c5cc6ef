"""What the entries of a Bundle ask for: each one understood as an act, or refused by its place and element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Raw

from ehr_core.kernel.errors import AlmonerError, InvalidResource, Issue, TooMuch
from ehr_core.kernel.ids import FHIR_ID
from ehr_core.store.resource_types import resource_type
from ehr_core.store.validation import NotJson, peek_type
from ehr_core.store.versions import ANY_VERSION, StoredResource, version_number

MOST_ENTRIES = 5000
METHODS = ("DELETE", "POST", "PUT", "PATCH", "GET", "HEAD")
ASK = "ask"
"""A POST that changes nothing: a search whose criteria are sent, or an operation."""
WORK_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3, ASK: 3}
READS = frozenset({"GET", "HEAD", ASK})
PATCH_TYPES = frozenset({"Binary", "Parameters"})


class Request(msgspec.Struct):
    method: str
    url: str
    ifNoneExist: str | None = None
    ifMatch: str | None = None
    ifNoneMatch: str | None = None
    ifModifiedSince: str | None = None


class Entry(msgspec.Struct):
    request: Request
    fullUrl: str | None = None
    resource: Raw = Raw(b"")


class Bundle(msgspec.Struct, tag_field="resourceType", tag="Bundle"):
    type: str
    entry: list[Entry] = []


_bundle = msgspec.json.Decoder(Bundle)


@dataclass(frozen=True)
class Door:
    """What the caller adds. `allow` raises Forbidden for an entry's method; `read` answers a GET, HEAD or ASK in
    the words of its door; `represents` puts what was written into the answer; `refused` hears of a batch's entry that
    failed."""

    allow: Callable[[str], None] = lambda method: None
    read: Callable[[Act], dict[str, Any]] | None = None
    represents: bool = False
    refused: Callable[[Request, AlmonerError], None] = lambda request, error: None


@dataclass
class Act:
    """One entry, understood: what is to be done to what. `found` is what its condition found; `repeats` says that an
    earlier entry creates under the same condition."""

    index: int
    method: str
    type_name: str
    resource_id: str | None
    query: str | None
    body: bytes
    full_url: str | None
    if_match: int | None = None
    found: StoredResource | None = None
    repeats: bool = False
    url: str = ""
    if_none_match: str | None = None
    if_modified_since: str | None = None

    @property
    def path(self) -> str:
        return self.url.partition("?")[0].strip("/")

    @property
    def place(self) -> str:
        return f"Bundle.entry[{self.index}]"


def read_bundle(body: bytes) -> Bundle:
    """Raises InvalidResource, NotJson or TooMuch for what is no transaction or batch of this size."""
    try:
        bundle = _bundle.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidResource(
            [Issue(_place(str(error)), "is not as a Bundle of requests needs it")]
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotJson(error) from None
    if bundle.type not in ("transaction", "batch"):
        raise InvalidResource([Issue("Bundle.type", "must be transaction or batch")])
    if len(bundle.entry) > MOST_ENTRIES:
        raise TooMuch(f"A Bundle has at most {MOST_ENTRIES} entries. Use `almoner import` for more.")
    return bundle


def with_place(act: Act, work: Any) -> Any:
    """Does the work; an error gets the entry's place in front of what it says."""
    try:
        return work()
    except InvalidResource as error:
        raise InvalidResource(
            [Issue(f"{act.place}.{_inside(issue)}", issue.message, issue.code) for issue in error.issues]
        ) from error
    except AlmonerError as error:
        if not error.message.startswith("Bundle.entry["):
            error.message = f"{act.place}: {error.message}"
            error.args = (error.message,)
        raise


def _inside(issue: Issue) -> str:
    """'resource.status' for 'Observation.status'; what speaks of the request or the entry's resource stays."""
    stays = issue.expression.startswith(("request", "resource"))
    return issue.expression if stays else f"resource.{_tail(issue.expression)}"


def _tail(expression: str) -> str:
    head, dot, tail = expression.partition(".")
    return tail if dot else f"ofType({head})"


def _place(message: str) -> str:
    _, _, found = message.rpartition("`$")
    return f"Bundle{found.rstrip('`')}"


def understood(index: int, entry: Entry, door: Door) -> Act:
    """The entry as an act. Raises InvalidResource naming what it lacks."""
    act = Act(index, entry.request.method, "", None, None, bytes(entry.resource), entry.fullUrl)

    def understand() -> Act:
        if act.method not in METHODS:
            raise InvalidResource([Issue("request.method", f"must be one of: {', '.join(METHODS)}")])
        act.url = entry.request.url
        if act.method == "POST" and door.read is not None and _asks(act.path):
            act.method = ASK
        door.allow(act.method)
        act.if_none_match, act.if_modified_since = entry.request.ifNoneMatch, entry.request.ifModifiedSince
        if "\0" in unquote(f"{entry.request.url}&{entry.request.ifNoneExist or ''}"):
            raise InvalidResource([Issue("request", "must not hold a NUL character")])
        _, question, query = act.url.partition("?")
        act.type_name, _, act.resource_id = act.path.partition("/")
        act.resource_id = None if act.method == ASK else act.resource_id or None
        act.query = query if question else None
        act.if_match = _version(entry.request.ifMatch)
        if act.method not in READS or door.read is None:
            _check_target(act, entry)
        return act

    return with_place(act, understand)


def method_of(act: Act) -> str:
    """As it was sent."""
    return "POST" if act.method == ASK else act.method


def _asks(path: str) -> bool:
    last = unquote(path).rpartition("/")[2]
    return last == "_search" or last.startswith("$")


def _check_target(act: Act, entry: Entry) -> None:
    resource_type(act.type_name)
    if act.resource_id and not FHIR_ID.match(act.resource_id):
        raise InvalidResource([Issue("request.url", "must be Type, Type/id or Type?query")])
    if act.method in ("POST", "PUT"):
        _require_body(act)
        if peek_type(act.body) != act.type_name:
            raise InvalidResource([Issue("request.url", "must name the type of the entry's resource")])
    if act.method == "PATCH":
        _require_body(act)
        if peek_type(act.body) not in PATCH_TYPES:
            raise InvalidResource(
                [Issue("resource", "must be Parameters, or a Binary that holds a JSON Patch")]
            )
    if act.method == "POST":
        act.query, act.resource_id = entry.request.ifNoneExist, None
        if act.query is not None and not act.query.strip("? "):
            raise InvalidResource([Issue("request.ifNoneExist", "must hold a search parameter")])
    elif act.method not in READS and not act.resource_id and not act.query:
        raise InvalidResource([Issue("request.url", "must be Type/id or Type?query")])


def _require_body(act: Act) -> None:
    if not act.body:
        raise InvalidResource([Issue("resource", "is required", "required")])


def _version(if_match: str | None) -> int | None:
    if if_match is None:
        return None
    if if_match.strip() == "*":
        return ANY_VERSION
    version = version_number(if_match.removeprefix("W/").strip('"'))
    if version is None:
        raise InvalidResource([Issue("request.ifMatch", 'must be a version such as W/"3", or *')])
    return version


def refuse_doubles(acts: list[Act]) -> None:
    """One resource may be changed once, and one fullUrl may mean one thing."""
    seen: set[tuple[str, str]] = set()
    for act in acts:
        targets = [("fullUrl", act.full_url)] if act.full_url else []
        if act.method in ("PUT", "DELETE", "PATCH") and act.resource_id:
            targets.append((act.type_name, act.resource_id))
        for target in targets:
            if target in seen:
                what = "fullUrl" if target[0] == "fullUrl" else "request.url"
                raise InvalidResource(
                    [Issue(f"{act.place}.{what}", "means the same resource as an earlier entry")]
                )
            seen.add(target)
