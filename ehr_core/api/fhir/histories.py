"""Answers a history: of one resource, of a type, of everything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlencode

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import Parts
from ehr_core.api.fhir.bundles import BundleAnswer
from ehr_core.api.fhir.exchange import CONTROLS, base_url
from ehr_core.api.fhir.paging import PAGE_PARAMETER, opened_page, sealed_page
from ehr_core.api.fhir.visibility import history_store, shown_of
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.store.dates import bounds
from ehr_core.store.histories import LARGEST_PAGE, Period, every_type, versions_of
from ehr_core.store.primitives import problem_with
from ehr_core.store.repository import Store
from ehr_core.store.resource_types import resource_type
from ehr_core.store.versions import StoredResource, version_number

KNOWN = frozenset({"_count", "_since", "_at", PAGE_PARAMETER})
USUAL_PAGE = 100


def history_bundle(
    parts: Parts,
    work: UnitOfWork,
    type_name: str | None,
    resource_id: str | None,
    given: Sequence[tuple[str, str]],
) -> bytes:
    """Newest first. Raises NotFound for a resource that never was, BadRequest for an unknown parameter."""
    store = history_store(work)
    if type_name:
        resource_type(type_name)
    asked = _understood(given)
    place = "/".join(part for part in (type_name, resource_id, "_history") if part)
    limit = _limit(asked.get("_count"))
    period = Period(work.now(), _moment(work, asked, "_since"), _moment(work, asked, "_at"))
    if PAGE_PARAMETER in asked:
        limit, period = _page(opened_page(parts, work.actor, place, asked[PAGE_PARAMETER]))
    types = [type_name] if type_name else every_type()
    found, position = versions_of(store, types, resource_id, period, limit)
    if resource_id and not found and not store.was_ever(str(type_name), resource_id):
        raise NotFound(f"There is no such {type_name}.")
    seen = shown_of(store, found)
    base = base_url(parts)
    made = BundleAnswer("history", base)
    itself = urlencode(asked)
    made.links["self"] = f"{base}/{place}" + (f"?{itself}" if itself else "")
    if position:
        content = [
            limit,
            *map(_text, (period.as_of, period.since, period.at)),
            [_text(position[0]), *position[1:]],
        ]
        made.links["next"] = (
            f"{base}/{place}?{PAGE_PARAMETER}={sealed_page(parts, work.actor, place, content)}"
        )
    elif PAGE_PARAMETER not in asked:
        made.total = len(seen)
    for version in seen:
        made.add_version(version)
    return made.body()


def _understood(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Each parameter once: of two limits nobody can say which one was meant. Raises BadRequest."""
    asked = {name: value for name, value in given if name not in CONTROLS}
    if asked.keys() - KNOWN:
        raise BadRequest(f"A history takes {', '.join(sorted(KNOWN | CONTROLS))}, and nothing else.")
    if twice := [name for name in asked if [each for each, _ in given].count(name) > 1]:
        raise BadRequest(f"'{twice[0]}' is given more than once. Send it once.")
    if PAGE_PARAMETER in asked and len(asked) > 1:
        raise BadRequest("A page link takes no further parameters.")
    return asked


def version_in(store: Store, type_name: str, resource_id: str, version_id: str) -> StoredResource:
    """One version by what stands in its address. Raises NotFound, or Gone for a deletion."""
    version = version_number(version_id)
    if version is None:
        raise NotFound(f"This {type_name} has no such version.")
    return store.vread(type_name, resource_id, version)


def _limit(text: str | None) -> int:
    if text is None:
        return USUAL_PAGE
    if not text.isascii() or not text.isdigit() or not int(text[:9]) > 0:
        raise BadRequest("'_count' is a whole number of 1 or more.")
    return min(int(text[:9]), LARGEST_PAGE)


def _moment(work: UnitOfWork, asked: dict[str, str], name: str) -> datetime | None:
    text = asked.get(name)
    if text is None:
        return None
    text = text.replace(" ", "+")
    if problem_with("dateTime", text):
        raise BadRequest(f"'{name}' is a date, or a date and time with offset.")
    return bounds(text, work.site_time_zone)[0 if name == "_since" else 1]


def _page(content: list) -> tuple[int, Period]:
    limit, as_of, since, at, (when, *rest) = content
    moments = [None if each is None else datetime.fromisoformat(each) for each in (as_of, since, at, when)]
    return limit, Period(moments[0], moments[1], moments[2], (moments[3], *rest))


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
