"""Measures as FHIR names them: whichever measure is meant, for whichever period there are results, ours or official."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text

from data_contracts.api.official_measures import OfficialMeasure, OfficialPopulation
from data_contracts.code_systems import OWN
from data_contracts.guidelines import definitions
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.quality.described import Described, described
from ehr_core.quality.official import active_official

OWN_POPULATIONS = (
    "initial-population",
    "denominator",
    "denominator-exclusion",
    "denominator-exception",
    "numerator",
)


@dataclass(frozen=True)
class Reported:
    """A measure with the stored period that is asked about."""

    measure: OfficialMeasure
    begin: date
    end: date
    version: str
    as_of: date

    @property
    def fhir_id(self) -> str:
        return fhir_id_of(self.measure.measure_id)


def fhir_id_of(measure_id: str) -> str:
    """A FHIR id knows no underscore."""
    return measure_id.replace("_", "-")


def known_measures(work: UnitOfWork) -> list[OfficialMeasure]:
    """Our own measures in the form of the official ones, and the active official ones."""
    ours = described(work, definitions().keys())
    return [_as_official(one) for one in ours.values()] + active_official(work)


def find_measures(work: UnitOfWork, named: str) -> list[OfficialMeasure]:
    """By id, name, or canonical URL with or without a version; every group of one. Raises NotFound."""
    identity = named.removeprefix("Measure/")
    url, _, version = identity.partition("|")
    found = [
        one
        for one in known_measures(work)
        if url in (one.url, one.name, one.measure_id, fhir_id_of(one.measure_id))
        and version in ("", one.version)
    ]
    if not found:
        raise NotFound("There is no such measure here, or it is not active.")
    return found


def reported(
    work: UnitOfWork, measures: Sequence[OfficialMeasure], begin: date | None, end: date | None
) -> list[Reported]:
    """Each with the stored period: the asked one, else the newest. Raises BadRequest naming the periods there are."""
    found = []
    for measure in measures:
        periods = work.connection.execute(
            text(
                "SELECT DISTINCT period_begin, period_end FROM quality.measure_flag "
                "WHERE measure_id = :id AND period_begin <= :today ORDER BY period_begin DESC"
            ),
            {"id": measure.measure_id, "today": work.today()},
        ).all()
        chosen = [
            row for row in periods if begin in (None, row.period_begin) and end in (None, row.period_end)
        ]
        if not chosen:
            there = ", ".join(f"{row.period_begin} to {row.period_end}" for row in periods) or "none yet"
            raise BadRequest(
                f"'{measure.measure_id}' has no results for that period. Ask for one that is measured: {there}."
            )
        found.append(_with_day(work, measure, chosen[0].period_begin, chosen[0].period_end))
    return found


def _with_day(work: UnitOfWork, measure: OfficialMeasure, begin: date, end: date) -> Reported:
    row = work.connection.execute(
        text(
            "SELECT max(as_of) AS as_of, max(measure_version) AS version FROM quality.measure_flag "
            "WHERE measure_id = :id AND period_begin = :begin"
        ),
        {"id": measure.measure_id, "begin": begin},
    ).one()
    return Reported(measure, begin, end, row.version, row.as_of)


def _as_official(about: Described) -> OfficialMeasure:
    pack = about.pack
    words = about.definition
    said = {
        "initial-population": words.population,
        "denominator": words.denominator,
        "denominator-exclusion": "; ".join(words.exclusions),
        "denominator-exception": "; ".join(words.exceptions),
        "numerator": words.numerator,
    }
    return OfficialMeasure(
        measure_id=pack.id,
        name=pack.id,
        group_id="group",
        version=pack.version,
        title=about.title,
        url=f"{OWN}/Measure/{fhir_id_of(pack.id)}",
        scoring="proportion",
        basis="boolean",
        improvement=about.improvement,
        populations=[
            OfficialPopulation(id=code, code=code, definition=code, words=said[code])
            for code in OWN_POPULATIONS
        ],
        source=words.source,
    )
