"""A first wording for the patient with a result, in their language. A clinician reads it before it is sent."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from data_contracts.api.results_inbox import Grade, SuggestedMessage
from ehr_core.workflows.portal_language import LAST_RESORT, spoken
from ehr_core.workflows.portal_result_words import plain_name

KIND_OF_GRADE: dict[Grade, str] = {"critical": "critical", "abnormal": "abnormal", "normal": "normal"}


def suggested_message(
    language_tag: str | None, grade: Grade, system: str, code: str, name: str
) -> SuggestedMessage:
    """English where the record's language is one that we have no words for; that is said, never passed over."""
    language = spoken(language_tag)
    used = language or LAST_RESORT
    test = plain_name(system, code, name, used).plain
    words = _texts()[used][KIND_OF_GRADE.get(grade, "other")]
    return SuggestedMessage(
        language="Spanish" if used == "es" else "English",
        language_known=language is not None,
        text=words.format(test=test[:1].lower() + test[1:] if test[1:2].islower() else test),
    )


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name("patient_messages.toml").read_text(encoding="utf-8"))
