"""Answers a search: the first page from its parameters, a later one from its link; authorised again each time."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import Parts
from ehr_core.api.fhir.bundles import BundleAnswer
from ehr_core.api.fhir.exchange import CONTROLS, asked_subset, base_url
from ehr_core.api.fhir.paging import PAGE_PARAMETER, opened_page, sealed_page
from ehr_core.api.fhir.visibility import reading_store, shown_of
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.repository import Store
from ehr_core.store.resource_types import resource_type
from ehr_core.store.search_answers import SearchAnswer, answer_search, snapshot_of, turn_page

SHAPING = frozenset({"_summary", "_elements"}) | CONTROLS


def search_bundle(
    parts: Parts,
    work: UnitOfWork,
    type_name: str,
    given: Sequence[tuple[str, str]],
    *,
    strict: bool,
    in_body: bool = False,
    patient_id: str | None = None,
) -> bytes:
    """A searchset Bundle. `in_body`: the parameters stood in no address, and so does none of their values now.

    `patient_id`: of what is in this patient's compartment alone; who asks has seen that the patient may be seen.
    """
    store = reading_store(work)
    resource_type(type_name)
    base, place = base_url(parts), f"Patient/{patient_id}/{type_name}" if patient_id else type_name
    pages = [value for name, value in given if name == PAGE_PARAMETER]
    if pages:
        if any(name not in CONTROLS and name != PAGE_PARAMETER for name, _ in given) or len(pages) > 1:
            raise BadRequest("A page link takes no further parameters.")
        snapshot_id, offset = opened_page(parts, work.actor, place, pages[0])
        snapshot = snapshot_of(store, snapshot_id)
        shaping = snapshot.rest
        search = store.asking(strict=False, base_url=base, patient_id=patient_id)
        answer = turn_page(store, snapshot, offset, search)
        itself = urlencode({PAGE_PARAMETER: pages[0]})
    else:
        shaping = [(name, value) for name, value in given if name in SHAPING and name not in CONTROLS]
        criteria = [(name, value) for name, value in given if name not in SHAPING]
        counts_only = ("_summary", "count") in shaping
        asked_subset(shaping)
        search = store.asking(strict=strict, base_url=base, patient_id=patient_id)
        answer = answer_search(store, type_name, criteria, search, shaping, counts_only=counts_only)
        itself = "" if in_body else urlencode([*answer.used, *shaping])
    return _bundle(parts, store, place, answer, shaping, itself)


def _bundle(
    parts: Parts,
    store: Store,
    place: str,
    answer: SearchAnswer,
    shaping: Sequence[tuple[str, str]],
    itself: str,
) -> bytes:
    base = base_url(parts)
    made = BundleAnswer("searchset", base, answer.total, asked_subset(shaping))
    made.links["self"] = f"{base}/{place}" + (f"?{itself}" if itself else "")
    if answer.following:
        sealed = sealed_page(parts, store.work.actor, place, answer.following)
        made.links["next"] = f"{base}/{place}?{PAGE_PARAMETER}={sealed}"
    for resource in shown_of(store, answer.matches):
        made.add_match(resource)
    for resource in shown_of(store, answer.included):
        made.add_match(resource, "include")
    made.add_warnings(answer.warnings)
    return made.body()
