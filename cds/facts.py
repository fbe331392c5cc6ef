"""What is known of one patient, and what is being proposed: the only input of decision support.

Whoever asks (chart, reconciliation, refill, CDS Hooks) builds Facts from the record; the rules never look further.
Unknown is said as unknown: `None`, a state word, or an entry in `unknowable`. An empty tuple means "looked, and there
is none": where a part could not be looked at, name it in `unknowable`, or a rule takes the silence for an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Literal, TypeVar

ClinicalStatus = Literal["active", "recurrence", "relapse", "inactive", "remission", "resolved"]
Verification = Literal["confirmed", "unconfirmed"]
ReactionSeverity = Literal["mild", "moderate", "severe"]
Criticality = Literal["low", "high"]
AllergyList = Literal["recorded", "none_known", "not_asked"]
PregnancyState = Literal["pregnant", "not_pregnant", "unknown"]
ContrastUse = Literal["without", "with", "without_and_with", "radiologist_decides"]
Part = Literal["medications", "allergies", "conditions", "results", "weights", "immunizations", "events"]
Moment = Literal["order", "patient_view"]

V = TypeVar("V")

ACTIVE = frozenset({"active", "recurrence", "relapse"})
FINAL = frozenset({"final", "amended", "corrected"})


class MissingFact(Exception):
    """A rule needs what the record does not hold. `what` is one or more short noun phrases without patient data."""

    def __init__(self, *what: str):
        self.what = what
        super().__init__("; ".join(what))


@dataclass(frozen=True, slots=True)
class Code:
    """One coding: the system's URI, the code, and its words if the record had any."""

    system: str
    code: str
    display: str = ""

    @property
    def token(self) -> str:
        return f"{self.system}|{self.code}"


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number with its UCUM unit and its day. Weights are in kg, heights in cm: nothing else is handed in."""

    value: float
    unit: str
    on: date
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Pregnancy:
    """`unknown` is the default and never means no. `breastfeeding` is None where nobody asked."""

    state: PregnancyState = "unknown"
    due_on: date | None = None
    breastfeeding: bool | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """A problem or diagnosis; refuted and entered-in-error ones are not handed in. Status None: not recorded."""

    codes: tuple[Code, ...]
    name: str
    clinical_status: ClinicalStatus | None = None
    onset: date | None = None
    abated_on: date | None = None
    verification: Verification | None = None
    reference: str | None = None

    @property
    def is_active(self) -> bool:
        """An unrecorded status counts as active where nothing says that the problem ended."""
        if self.clinical_status is None:
            return self.abated_on is None
        return self.clinical_status in ACTIVE


@dataclass(frozen=True, slots=True)
class IngredientDose:
    """How much of one ingredient a single administration gives, in a UCUM unit (mg, ug, [IU], ug/h for a patch)."""

    rxcui: str
    amount: float
    unit: str


@dataclass(frozen=True, slots=True)
class Medication:
    """A medication somebody takes, took, or shall take.

    `ingredients` are RxNorm ingredients (IN): precise ingredients (salts) are mapped before. `coded=False` says that
    the drug, or one of its ingredients, could not be identified; `ingredients` then holds what could. The dose is one
    administration as written (1 tablet), `ingredient_doses` what that gives. `started_on` None means unknown, not now.
    `stopped_on` is set for medications that ended; `prn` None: not recorded.
    """

    name: str
    ingredients: tuple[str, ...] = ()
    coded: bool = True
    product: str | None = None
    form: str | None = None
    extended_release: bool | None = None
    route: str | None = None
    dose_amount: float | None = None
    dose_unit: str | None = None
    ingredient_doses: tuple[IngredientDose, ...] = ()
    doses_per_day: float | None = None
    started_on: date | None = None
    stopped_on: date | None = None
    prn: bool | None = None
    indications: tuple[Code, ...] = ()
    reference: str | None = None

    def dose_of(self, rxcui: str) -> IngredientDose | None:
        """What one administration gives of that ingredient; None where it is not known."""
        return next((dose for dose in self.ingredient_doses if dose.rxcui == rxcui), None)


@dataclass(frozen=True, slots=True)
class Allergy:
    """An allergy or intolerance. Refuted and entered-in-error ones are not handed in.

    `ingredients` are RxNorm ingredients (IN) of the substance; `codes` all its codings, so that a class ("penicillins")
    coded otherwise is still found; `coded=False` says that the substance could not be identified.
    `reactions` are words; severity and criticality None: not recorded.
    """

    name: str
    ingredients: tuple[str, ...] = ()
    codes: tuple[Code, ...] = ()
    coded: bool = True
    reactions: tuple[str, ...] = ()
    severity: ReactionSeverity | None = None
    criticality: Criticality | None = None
    intolerance: bool | None = None
    verification: Verification | None = None
    recorded_on: date | None = None
    last_reaction_on: date | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A laboratory value, vital sign or score. `value` None: no number could be read, `words` holds what it says.

    `unit` is UCUM as recorded. `comparator` is < or > where the laboratory gave a bound instead of a value.
    """

    loinc: str
    value: float | None
    unit: str | None
    on: date
    status: str = "final"
    words: str | None = None
    comparator: str | None = None
    name: str = ""
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Immunization:
    """A vaccine that was given (completed). `cvx` None: it could not be identified."""

    cvx: str | None
    on: date
    name: str = ""
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `kind` is one of our words (`ed_visit`, `inpatient_stay`, `opioid_overdose`,
    `naloxone_supplied`, `pdmp_review`, `procedure`, `fall`, …); `codes` say more."""

    kind: str
    on: date
    codes: tuple[Code, ...] = ()
    name: str = ""
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Unknowable:
    """A part of the record that the rules could not see."""

    part: Part
    why: Literal["restricted", "could not be read"]


@dataclass(frozen=True)
class Facts:
    """One patient as of one day. Lists are in any order; the properties below sort and index once.

    `other_allergies` are those to foods and to the surroundings, which only vaccines ask about.
    """

    as_of: date
    birth_date: date | None = None
    sex: Literal["female", "male"] | None = None
    races: tuple[str, ...] = ()
    ethnicity: str | None = None
    smokes: bool | None = None
    pregnancy: Pregnancy = Pregnancy()
    weights_kg: tuple[Measurement, ...] = ()
    heights_cm: tuple[Measurement, ...] = ()
    conditions: tuple[Condition, ...] = ()
    medications: tuple[Medication, ...] = ()
    stopped_medications: tuple[Medication, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    other_allergies: tuple[Allergy, ...] = ()
    allergy_list: AllergyList = "not_asked"
    results: tuple[Result, ...] = ()
    immunizations: tuple[Immunization, ...] = ()
    events: tuple[Event, ...] = ()
    unknowable: tuple[Unknowable, ...] = ()

    def need(self, part: Part) -> None:
        """Raises MissingFact where that part of the record could not be seen."""
        for one in self.unknowable:
            if one.part == part:
                raise MissingFact(f"the {part} ({one.why})")

    @property
    def age_years(self) -> int:
        """Completed years; raises MissingFact without a birth date."""
        if self.birth_date is None:
            raise MissingFact("the birth date")
        return _years(self.birth_date, self.as_of)

    @property
    def age_months(self) -> int:
        """Completed months; raises MissingFact without a birth date."""
        if self.birth_date is None:
            raise MissingFact("the birth date")
        born, now = self.birth_date, self.as_of
        return 12 * (now.year - born.year) + now.month - born.month - (now.day < born.day)

    def latest_result(self, loincs: Iterable[str]) -> Result | None:
        """The newest final result of any of these codes, on or before `as_of`; None where there is none.

        Raises MissingFact where results could not be seen.
        """
        self.need("results")
        found = [one for loinc in loincs for one in self.results_by_loinc.get(loinc, ())[:1]]
        return max(found, key=lambda one: one.on, default=None)

    @cached_property
    def results_by_loinc(self) -> Mapping[str, tuple[Result, ...]]:
        """Final results on or before `as_of`, newest first, by LOINC code."""
        final = [one for one in self.results if one.status in FINAL and one.on <= self.as_of]
        return _grouped((one.loinc, one) for one in sorted(final, key=lambda one: one.on, reverse=True))

    @cached_property
    def medications_by_ingredient(self) -> Mapping[str, tuple[Medication, ...]]:
        """Active medications by each ingredient they hold."""
        return _grouped((rxcui, one) for one in self.medications for rxcui in one.ingredients)

    @cached_property
    def stopped_by_ingredient(self) -> Mapping[str, tuple[Medication, ...]]:
        return _grouped((rxcui, one) for one in self.stopped_medications for rxcui in one.ingredients)

    @property
    def latest_weight_kg(self) -> Measurement | None:
        """The newest weight on or before `as_of`; None where none is recorded."""
        return max(
            (one for one in self.weights_kg if one.on <= self.as_of), key=lambda one: one.on, default=None
        )

    @property
    def latest_height_cm(self) -> Measurement | None:
        return max(
            (one for one in self.heights_cm if one.on <= self.as_of), key=lambda one: one.on, default=None
        )

    def conditions_with(
        self, tokens: frozenset[str], prefixes: tuple[str, ...] = ()
    ) -> tuple[Condition, ...]:
        """Conditions of any status that carry one of these `uri|code` tokens or begin with one of these prefixes.

        Raises MissingFact where conditions could not be seen.
        """
        self.need("conditions")
        return tuple(one for one in self.conditions if _carries(one.codes, tokens, prefixes))


@dataclass(frozen=True, slots=True)
class OrderedService:
    """Something else than a medication: a test, an imaging study, a referral, a vaccination.

    `contrast` and `pregnancy` are what the order itself says, None where it does not. `earlier` tells in words where
    the same was ordered or reported within the days that it is not usually repeated.
    """

    code: Code
    name: str = ""
    kind: str = "other"
    modality: str | None = None
    ionising: bool = False
    contrast: ContrastUse | None = None
    pregnancy: PregnancyState | None = None
    earlier: tuple[str, ...] = ()

    @property
    def may_give_contrast(self) -> bool:
        """Also where the radiologist decides."""
        return self.contrast not in (None, "without")


@dataclass(frozen=True)
class Proposal:
    """What somebody is about to do. Nothing proposed (`medication` None) is looking at a chart.

    `alongside` are other drafts of the same basket; `replaces` the references of medications that end with this one
    (a renewal replaces the old prescription and is no duplicate of it). `reasons` are the indications chosen.
    `order` is something else than a medication.
    """

    medication: Medication | None = None
    duration_days: float | None = None
    reasons: tuple[Code, ...] = ()
    replaces: frozenset[str] = frozenset()
    alongside: tuple[Medication, ...] = ()
    order: OrderedService | None = None
    moment: Moment = field(default="order")

    @property
    def ingredients(self) -> tuple[str, ...]:
        return self.medication.ingredients if self.medication else ()


LOOKING_AT_THE_CHART = Proposal(moment="patient_view")


def _years(born: date, now: date) -> int:
    return now.year - born.year - ((now.month, now.day) < (born.month, born.day))


def _carries(codes: tuple[Code, ...], tokens: frozenset[str], prefixes: tuple[str, ...]) -> bool:
    return any(one.token in tokens or (prefixes and one.token.startswith(prefixes)) for one in codes)


def _grouped(pairs: Iterable[tuple[str, V]]) -> Mapping[str, tuple[V, ...]]:
    groups: dict[str, list[V]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in groups.items()}
