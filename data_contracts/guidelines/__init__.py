"""The guideline packs: what is recommended for whom, from which source, in words for staff and patients."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from data_contracts.guidelines.checks import breaches
from data_contracts.guidelines.criterion import Exclusion
from data_contracts.guidelines.pack import NextStep, Pack, PatientText
from ehr_core.kernel.errors import BadRequest, NotFound

FOLDER = Path(__file__).parent
NOT_PACKS = ("exclusions.toml", "reasons.toml")
Model = TypeVar("Model", Pack, Exclusion)


@dataclass(frozen=True)
class Guidelines:
    """All packs of a folder with the exclusions and reason words that they share."""

    packs: Mapping[str, Pack]
    exclusions: Mapping[str, Exclusion]
    reasons: Mapping[str, str]


def load_guidelines(folder: Path = FOLDER) -> Guidelines:
    """Every pack of a folder, checked. Raises BadRequest naming the file and what is wrong with it."""
    exclusions = {
        name: _checked(folder / "exclusions.toml", Exclusion, {"id": name, **entry})
        for name, entry in _read(folder / "exclusions.toml").items()
    }
    reasons = _read(folder / "reasons.toml")
    paths = sorted(path for path in folder.glob("*.toml") if path.name not in NOT_PACKS)
    packs = {path.stem: _load_pack(path, exclusions, reasons) for path in paths}
    return Guidelines(packs, exclusions, reasons)


def _read(path: Path) -> dict:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as problem:
        raise BadRequest(f"'{path.name}' is not TOML: {problem}.") from problem


def _checked(path: Path, model: type[Model], entry: dict) -> Model:
    try:
        return model.model_validate(entry)
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the whole pack"
        raise BadRequest(
            f"'{path.name}', {place}: {first['msg'].removeprefix('Value error, ')}."
        ) from problem


def _load_pack(path: Path, exclusions: dict[str, Exclusion], reasons: dict[str, str]) -> Pack:
    pack = _checked(path, Pack, _read(path))
    if pack.id != path.stem:
        raise BadRequest(f"'{path.name}' calls itself '{pack.id}'. A pack's id is its file's name.")
    for sentence in breaches(pack, exclusions, reasons):
        raise BadRequest(f"'{path.name}': {sentence}")
    return pack


@lru_cache(maxsize=1)
def guidelines() -> Guidelines:
    """The guidelines that ship with Almoner, read once."""
    return load_guidelines()


def definitions() -> Mapping[str, Pack]:
    """Every pack by id."""
    return guidelines().packs


def definition(topic: str) -> Pack:
    """One pack; raises NotFound naming those there are."""
    if topic not in definitions():
        raise NotFound(f"There is no guideline '{topic}'. Known: {', '.join(sorted(definitions()))}.")
    return definitions()[topic]


def next_step(topic: str, gap_kind: str) -> NextStep | None:
    """What staff would do about an open gap of that kind; null when the kind wants no action."""
    return definition(topic).next_step.get(gap_kind)  # type: ignore[call-overload]


def reason_words(topic: str, reason_code: str) -> str:
    """The staff's sentence for a reason code; the code itself is never shown."""
    shared = guidelines()
    if reason_code in (own := definition(topic).reasons):
        return own[reason_code]
    if reason_code in shared.exclusions:
        title = shared.exclusions[reason_code].title
        return f"Excluded: {title[:1].lower()}{title[1:]}."
    if reason_code in shared.reasons:
        return shared.reasons[reason_code]
    raise NotFound(f"The reason '{reason_code}' of '{topic}' has no words in reasons.toml.")


def patient_text(topic: str, gap_kind: str, language: str = "en") -> PatientText | None:
    """The person's words for an open gap, or null when this kind is not shown to patients.

    Spanish for es…, English for every other language: a page in a language we lack says so itself.
    """
    pack = definition(topic)
    if not pack.visible_to_patient(gap_kind):
        return None
    words = pack.patient[gap_kind]  # type: ignore[index]
    return words.es if language.lower().startswith("es") else words.en


@dataclass(frozen=True)
class OpenGapDefinition:
    """One topic and one kind of open gap: everything a screen says about it."""

    topic: str
    version: str
    gap_kind: str
    title: str
    short_title: str
    purpose: str
    next_step: NextStep
    visible_to_patient: bool
    patient_en: PatientText | None
    patient_es: PatientText | None


def open_gap_definitions() -> list[OpenGapDefinition]:
    """Every kind of open gap there can be, most urgent first."""
    found = [_open_gap(pack, kind) for pack in definitions().values() for kind in pack.gap_kinds]
    return sorted(found, key=lambda gap: (gap.next_step.priority, gap.topic))


def _open_gap(pack: Pack, kind: str) -> OpenGapDefinition:
    return OpenGapDefinition(
        topic=pack.id,
        version=pack.version,
        gap_kind=kind,
        title=pack.title,
        short_title=pack.short_title,
        purpose=pack.purpose,
        next_step=pack.next_step[kind],  # type: ignore[index]
        visible_to_patient=pack.visible_to_patient(kind),
        patient_en=patient_text(pack.id, kind, "en"),
        patient_es=patient_text(pack.id, kind, "es"),
    )
