"""What can be prescribed, for whoever may look at medicines. No patient data."""

from __future__ import annotations

from data_contracts.api.medications import Choice, PrescribingChoices, ProductOption, ProductsFound
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.medications.imported import release, search_imported
from ehr_core.medications.prescriptions import STOP_REASONS, refused
from ehr_core.medications.products import COVERAGE, is_shipped
from ehr_core.medications.search import MOST, Found, search, words_of
from ehr_core.medications.sig import frequencies, routes
from ehr_core.medications.tall_man import tall_man


def search_products(work: UnitOfWork, *, typed: str) -> ProductsFound:
    """Products by what was typed, best first, those of the shipped list before imported ones; empty for less than
    two letters."""
    work.actor.require("chart.read")
    found = search(typed)
    if (words := words_of(typed)) and len(found) < MOST:
        known = [one.product.rxcui for one in found]
        imported = search_imported(work.connection, words, known=known, most=MOST - len(found))
        found += [Found(one) for one in imported if not is_shipped(one.rxcui)]
    return ProductsFound(items=[_option(one) for one in found], coverage=coverage(work))


def coverage(work: UnitOfWork) -> str:
    """What can be looked up, with the version that the site has imported."""
    imported = release(work.connection)
    if imported is None:
        return COVERAGE
    return f"{COVERAGE} Beside them RxNorm {imported.version}, imported {imported.imported_at:%d-%b-%Y}."


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
        not_here=refused(product),
    )
