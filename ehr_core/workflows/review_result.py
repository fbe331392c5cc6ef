"""One reviewing act: a clinician has looked at exactly this version. It stands on the result, and in the inbox."""

from __future__ import annotations

from data_contracts.api.chart import Recorded, ResultType, ReviewResult
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting import service as charting
from ehr_core.results_inbox.acts import acknowledge_item, note_act
from ehr_core.results_inbox.queries import open_item_of


def review_result(
    work: UnitOfWork, *, resource_type: ResultType, resource_id: str, review: ReviewResult
) -> Recorded:
    """The review from the chart; an open item of this result is acknowledged with it.

    Raises Forbidden, NotFound, StaleVersion when the result has changed, BadRequest when it is not final.
    """
    item = open_item_of(work, resource_type, resource_id)
    recorded = charting.review_result(
        work, resource_type=resource_type, resource_id=resource_id, review=review
    )
    if item is not None:
        told = bool((review.comment_to_patient or "").strip())
        ((_, _, version),) = recorded.resources
        acknowledge_item(work, item, version, act="told_patient" if told else None)
        if told:
            note_act(work, item, "told_patient")
    return recorded
