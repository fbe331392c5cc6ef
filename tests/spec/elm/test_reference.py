"""Every operator by a table of expressions and the values that the language's reference gives them."""

from pathlib import Path

import pytest

from pipelines.measures.elm.engine import Engine
from pipelines.measures.elm.packages import Package
from pipelines.measures.elm.program import Program
from pipelines.measures.elm.records import Records
from tests.lib import elm_text
from tests.lib.elm import PERIOD

TABLES = sorted(Path(__file__).with_name("reference").glob("*.txt"))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.stem)
def test_expressions_have_the_values_of_the_reference(table):
    rows = list(elm_text.rows(table))
    statements = [{"name": str(at), "expression": elm_text.read(text)} for at, (text, _) in enumerate(rows)]
    elm = {"identifier": {"id": "Table", "version": "1"}, "statements": {"def": statements}}
    engine = Engine(Package(libraries={("Table", "1"): elm}))
    records = Records(engine.texts)
    records.add_patient([{"resourceType": "Patient", "id": "p"}])
    run, program = engine.run(records, PERIOD, strict=True), Program(engine.package, engine.nodes)
    library = program.library("Table")
    wrong = {}
    for at, (text, expected) in enumerate(rows):
        found = elm_text.written(run.patient_column(program.definition(library, str(at))), 0, engine.texts)
        if found != expected:
            wrong[text] = f"{found}, not {expected}"
    assert not wrong
    assert not program.unsupported
    assert not run.errors


def test_the_tables_hold_at_least_four_hundred_rows():
    assert sum(len(list(elm_text.rows(table))) for table in TABLES) >= 400
