"""What people said about being contacted by each channel: one vocabulary for whoever asks and whoever writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import orjson
from sqlalchemy import text

from data_contracts.code_systems import OWN
from ehr_core.access.unit_of_work import UnitOfWork

CHANNEL_SYSTEM = f"{OWN}/CodeSystem/outreach-channel"
CHANNELS = ("phone", "sms", "email", "portal")


def consents(work: UnitOfWork, patient_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """What each person said about each channel: the newest active Consent counts; silence is "not_recorded"."""
    said = {patient_id: dict.fromkeys(CHANNELS, "not_recorded") for patient_id in patient_ids}
    rows = work.connection.execute(
        text(
            "SELECT patient_id, body FROM fhir.consent WHERE patient_id = ANY(:ids) AND NOT deleted "
            "AND status = 'active' ORDER BY date_low NULLS FIRST, last_updated"
        ),
        {"ids": list(patient_ids)},
    )
    for row in rows:
        hear(said[row.patient_id], orjson.loads(row.body).get("provision") or {}, work.today())
    return said


def hear(said: dict[str, str], provision: Mapping[str, Any], today: date) -> None:
    """Adds one Consent's provision to what was said before: the rule first, then its nested exceptions.

    A rule whose period is over gives nothing any more, and does not bring an older "given" back: the channel is then
    not recorded. A refusal stands until a later Consent in force takes it back.
    """
    period = provision.get("period") or {}
    now = today.isoformat()
    begins, ends = (period.get("start") or "")[:10], (period.get("end") or "")[:10]
    if begins and begins > now[: len(begins)]:
        return
    over = bool(ends) and ends < now[: len(ends)]
    word = {"permit": "given", "deny": "refused"}.get(provision.get("type"))
    for channel in _channels(provision):
        if channel not in CHANNELS or word is None:
            continue
        if not over:
            said[channel] = word
        elif said[channel] == "given":
            said[channel] = "not_recorded"
    for exception in () if over else provision.get("provision") or ():
        hear(said, exception, today)


def _channels(provision: Mapping[str, Any]) -> list[str]:
    return [
        coding.get("code", "")
        for concept in provision.get("code") or ()
        for coding in concept.get("coding") or ()
        if coding.get("system") == CHANNEL_SYSTEM
    ]
