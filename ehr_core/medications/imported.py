"""What a site has imported of NLM's monthly RxNorm beside the shipped list: looked up by code, searched by words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Row, text

from ehr_core.medications.products import SHIPPED, Lookup, Product, is_shipped, make_product

OF_CODES = text("""
SELECT c.rxcui, c.is_product, c.name, c.form, c.strengths, c.ingredients, c.schedule,
       g.is_product AS generic_is_product, g.rxcui AS generic_rxcui, g.name AS generic_name, g.form AS generic_form,
       g.strengths AS generic_strengths, g.schedule AS generic_schedule
  FROM medications.rxnorm_concept c
  LEFT JOIN medications.rxnorm_concept g ON g.rxcui = c.generic_rxcui
 WHERE c.rxcui = ANY(:codes)
""")
SEARCH = text("""
SELECT rxcui, name, form, strengths, schedule, brands
  FROM medications.rxnorm_concept
 WHERE is_product AND generic_rxcui IS NULL AND search_text LIKE ALL(:words) AND NOT rxcui = ANY(:known)
 ORDER BY length(name), rxcui LIMIT :most
""")
RELEASE = text("SELECT version, imported_at, concepts FROM medications.rxnorm_release")


def lookup_for(connection: Connection, codes: Iterable[str]) -> Lookup:
    """A lookup that knows these codes too, in one statement; the shipped one where it knows them all."""
    unknown = sorted({code for code in codes if not is_shipped(code)})
    if not unknown:
        return SHIPPED
    rows = connection.execute(OF_CODES, {"codes": unknown}).all()
    return Lookup(
        products={row.rxcui: found for row in rows if (found := _product(row))},
        named={row.rxcui: tuple(row.ingredients) for row in rows if row.ingredients},
    )


def search_imported(
    connection: Connection, words: Sequence[str], *, known: Iterable[str], most: int
) -> list[Product]:
    """Products whose names or brands hold every word where a word begins; `known` are left out."""
    given = {"words": [f"% {escaped(word)}%" for word in words], "known": list(known), "most": most}
    return [
        make_product(row.rxcui, row.name, row.form or "", row.strengths, tuple(row.brands), row.schedule)
        for row in connection.execute(SEARCH, given)
    ]


def release(connection: Connection) -> Row | None:
    """(version, imported_at, concepts) of what is imported; None where nothing is."""
    return connection.execute(RELEASE).one_or_none()


def escaped(word: str) -> str:
    """For LIKE: what people type has no wildcards."""
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _product(row: Row) -> Product | None:
    """The generic where the code is a brand's; None where the concept is no product."""
    if row.generic_is_product:
        return make_product(
            row.generic_rxcui,
            row.generic_name,
            row.generic_form or "",
            row.generic_strengths,
            (),
            row.generic_schedule,
        )
    if not row.is_product:
        return None
    return make_product(row.rxcui, row.name, row.form or "", row.strengths, (), row.schedule)
