"""A live vaccine and immunity too weak for it: by problem, by drug and its dose, and by the CD4 count in HIV."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from cds.cards import Card, Reason, Rule, Severity, Suggestion, Tier, could_not_check, fires
from cds.coded import active_conditions, condition_group
from cds.dates import months_after
from cds.dosing import IN_MG, is_local
from cds.engine import Check
from cds.facts import Facts, Medication, Proposal
from cds.immunization.schedule import Vaccine
from cds.ingredients import resolve, rxcui_of
from cds.knowledge import override_reasons
from cds.sourced import source_of
from cds.vaccine_safety import KNOWLEDGE, known, live_entry, ordered_cvx, product_of

WEAK = Rule(
    "vaccine_immunity.live_and_weak",
    "Live vaccine with weak immunity",
    Severity.CONTRAINDICATED,
    Tier.INTERRUPTS,
    source_of(KNOWLEDGE),
    override_reasons=override_reasons(),
)
DETAIL = (
    "A live vaccine may cause the illness. Wait until immunity has recovered; protect those around instead."
)
CD4 = Suggestion("lab", "CD4 count", "http://loinc.org|24467-3")


def weak_immunity(facts: Facts, proposal: Proposal) -> Iterator[Card]:
    cvx = ordered_cvx(proposal)
    product, entry = (product_of(cvx), live_entry(cvx)) if cvx else (None, None)
    if product is None or entry is None:
        return
    hiv = active_conditions(facts, condition_group("hiv"))
    weak = active_conditions(facts, condition_group("weak_immunity_for_live_vaccines"))
    for problem in weak if not entry.get("hiv_by_cd4") else [one for one in weak if one not in hiv]:
        yield _fires(product, Reason(problem.name, None, problem.onset, problem.reference))
    if hiv and entry.get("hiv_by_cd4"):
        yield from _by_cd4(facts, product)
    elif hiv and not weak:
        yield _fires(product, Reason(hiv[0].name, None, hiv[0].onset, hiv[0].reference))
    facts.need("medications")
    yield from _by_drug(facts, product)
    yield from _by_steroid(facts, product)


def _fires(product: Vaccine, because: Reason, *, tier: Tier | None = None, detail: str = DETAIL) -> Card:
    sentence = f"{product.name} is a live vaccine, and immunity may be too weak for it."
    about = (product.cvx, because.reference or because.words)
    return fires(WEAK, sentence, detail=detail, because=(because,), about=about, tier=tier)


def _by_cd4(facts: Facts, product: Vaccine) -> Iterator[Card]:
    limits = known()["hiv"]
    if facts.age_years < limits["from_years"]:
        yield could_not_check(WEAK, "the percentage of CD4 cells, judged for this age", about=(product.cvx,))
        return
    count = facts.latest_result(limits["loinc"])
    if count is None or count.value is None or count.on < months_after(facts.as_of, -limits["months"]):
        missing = f"a CD4 count of the last {limits['months']} months"
        yield could_not_check(WEAK, missing, about=(product.cvx,), suggestions=(CD4,))
    elif count.value < limits["cd4_at_least"]:
        yield _fires(product, Reason("CD4 count", f"{count.value:g}", count.on, count.reference))


def _by_drug(facts: Facts, product: Vaccine) -> Iterator[Card]:
    entry = known()["drugs"]
    against, by_dose = resolve(entry["members"]), resolve(entry["dose_decides"])
    for drug in facts.medications:
        if is_local(drug):
            continue
        if not against.isdisjoint(drug.ingredients):
            yield _fires(product, _taken(drug))
        elif not by_dose.isdisjoint(drug.ingredients):
            detail = "At a low weekly dose it may be given; ask whoever prescribes it."
            yield _fires(product, _taken(drug), tier=Tier.INLINE, detail=detail)
    since = months_after(facts.as_of, -entry["stopped_months"])
    for drug in facts.stopped_medications:
        lately = drug.stopped_on is not None and since < drug.stopped_on <= facts.as_of
        if lately and not is_local(drug) and not against.isdisjoint(drug.ingredients):
            ended = Reason(f"{drug.name}, ended", None, drug.stopped_on, drug.reference)
            yield _fires(product, ended, tier=Tier.INLINE, detail="Its effect outlasts it by months.")


def _by_steroid(facts: Facts, product: Vaccine) -> Iterator[Card]:
    """Only where they were taken long enough; a start that nobody recorded counts as long ago."""
    entry = known()["steroids"]
    for name, factor in entry["mg_of_prednisone"].items():
        for drug in facts.medications_by_ingredient.get(rxcui_of(name), ()):
            lately = drug.started_on is not None and facts.as_of - drug.started_on < timedelta(
                days=entry["days"]
            )
            if not lately and not is_local(drug):
                yield from _judged(facts, product, drug, _mg_per_day(drug, rxcui_of(name)), factor)


def _judged(
    facts: Facts, product: Vaccine, drug: Medication, mg: float | None, factor: float
) -> Iterator[Card]:
    limit = _steroid_limit(facts)
    if mg is None or (limit is None and mg * factor < known()["steroids"]["mg_per_day"]):
        missing = f"the daily dose of {drug.name}" if mg is None else "the weight, for the dose of a steroid"
        yield could_not_check(WEAK, missing, about=(product.cvx, drug.name))
    elif mg * factor >= (limit or known()["steroids"]["mg_per_day"]):
        taken = Reason(
            drug.name, f"as {mg * factor:g} mg of prednisone a day", drug.started_on, drug.reference
        )
        yield _fires(product, taken)


def _steroid_limit(facts: Facts) -> float | None:
    """Milligrams of prednisone a day; None for a child whose weight nobody recorded."""
    entry = known()["steroids"]
    if facts.age_years >= entry["child_years"]:
        return entry["mg_per_day"]
    weight = facts.latest_weight_kg
    return None if weight is None else min(entry["mg_per_day"], weight.value * entry["mg_per_kg"])


def _mg_per_day(drug: Medication, rxcui: str) -> float | None:
    dose = drug.dose_of(rxcui)
    if dose is None or drug.doses_per_day is None or dose.unit not in IN_MG:
        return None
    return dose.amount * IN_MG[dose.unit] * drug.doses_per_day


def _taken(drug: Medication) -> Reason:
    return Reason(drug.name, None, drug.started_on, drug.reference)


CHECKS = (Check((WEAK,), weak_immunity),)
