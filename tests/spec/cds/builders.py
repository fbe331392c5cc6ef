"""Short ways to write facts and proposals in tables of examples."""

from __future__ import annotations

from datetime import date
from typing import Any

from cds.facts import Allergy, Facts, Medication, Proposal
from cds.ingredients import rxcui_of

TODAY = date(2026, 11, 27)


def drug(*ingredients: str, **more: Any) -> Medication:
    """A medication by the names of its ingredients."""
    name = more.pop("name", " / ".join(ingredients))
    reference = more.pop("reference", f"MedicationRequest/{name.replace(' ', '-')}")
    return Medication(name, tuple(rxcui_of(one) for one in ingredients), reference=reference, **more)


def order(*ingredients: str, **more: Any) -> Proposal:
    """An order of a drug; `alongside`, `replaces` and the like go to the proposal, everything else to the drug."""
    asked = {
        key: more.pop(key) for key in ("alongside", "replaces", "reasons", "duration_days") if key in more
    }
    return Proposal(drug(*ingredients, reference=None, **more), **asked)


def takes(*medications: str | Medication, **more: Any) -> Facts:
    """A patient whose current medications these are, with a list of allergies that says none are known."""
    listed = tuple(one if isinstance(one, Medication) else drug(one) for one in medications)
    return Facts(**{"as_of": TODAY, "allergy_list": "none_known", "medications": listed, **more})


def allergic_to(*allergies: Allergy, **more: Any) -> Facts:
    return Facts(**{"as_of": TODAY, "allergy_list": "recorded", "allergies": allergies, **more})


def allergy(*ingredients: str, **more: Any) -> Allergy:
    """An allergy by the names of its ingredients."""
    name = more.pop("name", " / ".join(ingredients))
    reference = f"AllergyIntolerance/{name.replace(' ', '-')}"
    return Allergy(name, tuple(rxcui_of(one) for one in ingredients), reference=reference, **more)
