"""What a measure's page says of it: our own measures by their packs, the official ones by what was imported."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from data_contracts.api.official_measures import OfficialMeasure
from data_contracts.api.quality import MeasureDefinition
from data_contracts.code_systems import CODE_SYSTEMS, SNOMED_CT
from data_contracts.guidelines import definitions, guidelines
from data_contracts.guidelines.pack import Pack
from data_contracts.valuesets import value_sets
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import NotFound
from ehr_core.quality.official import described_official

MISSING_DATA = (
    "People without a usable birth date, or without a recorded organ or sex where that decides, are counted as "
    "not evaluable beside the rate; so are people part of whose record cannot be read. A missing result never counts "
    "as met."
)
OFFICIAL_MISSING_DATA = (
    "A missing value is what the published logic makes of it, often 'not met'. People whose record the logic cannot "
    "judge are counted as not evaluable beside the rate; so are people part of whose record cannot be read."
)
NEVER_LOADED = {
    "http://www.ama-assn.org/go/cpt": "CPT",
    "http://www.ada.org/cdt": "CDT",
    "https://www.cdc.gov/nhsn/cdaportal/terminology/codesystem/hsloc.html": "NHSN healthcare locations",
}
"""Systems under a licence, or of other settings, of which this site keeps no codes."""


@dataclass(frozen=True)
class Described:
    """One measure as the list and its page need it; exactly one of `pack` and `official` is there."""

    measure_id: str
    title: str
    improvement: str
    scoring: str
    definition: MeasureDefinition
    pack: Pack | None = None
    official: OfficialMeasure | None = None

    @property
    def of_several(self) -> bool:
        """One of the rates of a publication that has several, all under one title."""
        return self.official is not None and self.official.measure_id != self.official.name


def described(work: UnitOfWork, measure_ids: Collection[str]) -> Mapping[str, Described]:
    """Those of these measures that are our own or active."""
    ours = {name: _of_pack(definitions()[name]) for name in measure_ids if name in definitions()}
    found = described_official(work, sorted(set(measure_ids) - ours.keys()))
    return ours | {one.measure_id: of_official(one) for one in found}


def described_measure(work: UnitOfWork, measure_id: str) -> Described:
    """Raises NotFound for a measure that is neither our own nor active."""
    found = described(work, [measure_id])
    if measure_id not in found:
        raise NotFound(f"There is no measure '{measure_id}'.")
    return found[measure_id]


def _of_pack(pack: Pack) -> Described:
    measure, exclusions = pack.measure, guidelines().exclusions
    own_exclusions = pack.exclusions if measure.exclusions is None else measure.exclusions
    purpose = " ".join(pack.purpose.split())
    definition = MeasureDefinition(
        purpose=purpose.split(". ")[0].rstrip(".") + ".",
        why_it_matters=purpose,
        source="; ".join(f"{s.organization}: {s.title}, {s.published}" for s in pack.source),
        version=pack.version,
        population="; ".join(population.words for population in measure.populations or pack.population),
        denominator=measure.denominator,
        numerator=measure.numerator,
        exclusions=[exclusions[name].title for name in own_exclusions],
        exceptions=[exclusions[name].title for name in measure.exceptions],
        evidence=[evidence.title for evidence in pack.evidence if evidence.in_measure],
        missing_data=MISSING_DATA,
        code_systems_not_loaded=_not_loaded(pack),
    )
    return Described(pack.id, measure.title, measure.improvement, "proportion", definition, pack=pack)


def of_official(measure: OfficialMeasure) -> Described:
    said = _populations(measure)
    definition = MeasureDefinition(
        purpose=measure.purpose,
        why_it_matters=measure.why_it_matters,
        source=f"{measure.source} ({measure.url})",
        version=measure.version,
        population="; ".join(said("initial-population")),
        denominator="; ".join(said("denominator") or said("measure-population")),
        numerator="; ".join(said("numerator")) or "None: this measure has no numerator.",
        exclusions=said("denominator-exclusion") + said("measure-population-exclusion"),
        exceptions=said("denominator-exception"),
        evidence=[f"{name} resources" for name in measure.reads if name != "Patient"],
        missing_data=OFFICIAL_MISSING_DATA,
        code_systems_not_loaded=_systems_not_loaded(measure),
        logic=measure.definitions,
        value_sets_cut=measure.cut_value_sets,
        counts_what=None if measure.basis == "boolean" else measure.basis,
    )
    scoring = measure.scoring
    return Described(
        measure.measure_id, measure.title, measure.improvement, scoring, definition, official=measure
    )


def _populations(measure: OfficialMeasure):
    def said(code: str) -> list[str]:
        return [one.words or one.definition for one in measure.populations if one.code == code]

    return said


def _not_loaded(pack: Pack) -> list[str]:
    """SNOMED CT, when this site has left its codes out and the measure would use them."""
    named = {recorded.value_set for evidence in pack.evidence for recorded in evidence.recorded}
    return ["SNOMED CT"] if any(value_sets()[name].snomed_left_out for name in named) else []


def _systems_not_loaded(measure: OfficialMeasure) -> list[str]:
    """Of the measure's code systems those that this site keeps no codes of: its records may not use them either."""
    kept = {system.uri: system.title for system in CODE_SYSTEMS.values()}
    if any(one.snomed_left_out for one in value_sets().values()):
        kept.pop(SNOMED_CT.uri, None)
    named = {SNOMED_CT.uri: SNOMED_CT.title} | NEVER_LOADED
    return sorted(named[uri] for uri in measure.code_systems if uri in named and uri not in kept)
