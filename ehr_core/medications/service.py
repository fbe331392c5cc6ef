"""What can be prescribed, for whoever may look at medicines. No patient data."""

from __future__ import annotations

from data_contracts.api.medications import Choice, PrescribingChoices, ProductOption, ProductsFound
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.medications.prescriptions import STOP_REASONS, why_not_here
from ehr_core.medications.products import COVERAGE
from ehr_core.medications.search import Found, search
from ehr_core.medications.sig import frequencies, routes
from ehr_core.medications.tall_man import tall_man


def search_products(work: UnitOfWork, *, typed: str) -> ProductsFound:
    """Products by what was typed, best first; empty for less than two letters."""
    work.actor.require("chart.read")
    return ProductsFound(items=[_option(found) for found in search(typed)], coverage=COVERAGE)


def prescribing_choices(work: UnitOfWork, *, allergy_overrides: dict[str, str]) -> PrescribingChoices:
    """The lists of the prescribing form."""
    work.actor.require("chart.read")
    return PrescribingChoices(
        routes=[
            Choice(code=code, words=f"{code} ({row['words']})" if row["words"] else code)
            for code, row in routes().items()
        ],
        frequencies=[Choice(code=one.code, words=one.words) for one in frequencies().values()],
        stop_reasons=_choices(STOP_REASONS),
        allergy_overrides=_choices(allergy_overrides),
    )


def _choices(named: dict[str, str]) -> list[Choice]:
    return [Choice(code=code, words=words) for code, words in named.items()]


def _option(found: Found) -> ProductOption:
    product = found.product
    return ProductOption(
        rxcui=product.rxcui,
        name=tall_man(product.name),
        form=product.form,
        brand=found.brand,
        route=product.route,
        dose_unit=product.dose_unit,
        schedule=product.schedule,
        not_here=why_not_here(product.rxcui),
    )
