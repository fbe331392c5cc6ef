"""ViewDefinitions: the part of SQL on FHIR that flatten reads, and what it refuses in a sentence."""

from __future__ import annotations

import duckdb
import pytest

from data_contracts.contract import Column, Table
from data_contracts.tables.flat import FLAT_TABLES
from ehr_core.kernel.errors import BadRequest
from pipelines.flatten import flatten
from pipelines.flatten.fhirpath import parse
from pipelines.flatten.structure import Used
from pipelines.flatten.tables import LOOKED_UP
from pipelines.flatten.views import compile_view, compile_views, load_view

FLAGS = [
    "{'id': 'f1', 'status': 'active', 'subject': {'reference': 'Patient/p1'},"
    " 'code': {'coding': [{'system': 's', 'code': 'a'}, {'system': 's', 'code': 'b'}]}}",
    "{'id': 'f2', 'status': 'inactive', 'subject': {'reference': 'Patient/p2'}, 'code': {'coding': []}}",
]


def run(view, *columns):
    """Runs a view over the two flags above and returns its rows."""
    text = tuple(
        Column(name, "integer" if name == "place" else "text", name) for name in ("patient_key", *columns)
    )
    table = Table(name="answer", description="", columns=(Column("key_id", "text", ""), *text))
    used = Used("Flag")
    keys = {"column": [{"name": "patient_key", "path": "subject.getReferenceKey(Patient)"}]}
    select = compile_view({**view, "select": [keys, *view["select"]]}, table, used)
    connection = duckdb.connect()
    connection.execute(table.duckdb_ddl())
    types = ", ".join(f'"{name}" {part.duckdb_type()}' for name, part in used.parts.items())
    connection.execute(f"CREATE TABLE flags ({types})")
    names = ", ".join(f'r."{name}"' for name in used.parts)
    for flag in FLAGS:
        structure = str(used.json_structure()).replace("'", '"')
        connection.execute(
            f"INSERT INTO flags SELECT {names} FROM (SELECT from_json(?::JSON, ?) AS r)",
            [flag.replace("'", '"'), structure],
        ).fetchall()
    filled = select.replace("{stage}", "flags").replace("{key_id}", "'k'")
    connection.execute(f"INSERT INTO answer {filled}").fetchall()
    return sorted(connection.execute("SELECT * EXCLUDE key_id FROM answer").fetchall(), key=str)


CODE = {"name": "code", "path": "code"}


def test_for_each_gives_a_row_an_item_and_its_place():
    view = {"select": [{"forEach": "code.coding", "column": [CODE, {"name": "place", "path": "%rowIndex"}]}]}
    assert run(view, "code", "place") == [("p1", "a", 0), ("p1", "b", 1)]


def test_for_each_or_null_keeps_a_resource_without_items():
    view = {"select": [{"forEachOrNull": "code.coding", "column": [CODE]}]}
    assert run(view, "code") == [("p1", "a"), ("p1", "b"), ("p2", None)]


def test_where_keeps_the_resources_that_meet_it():
    view = {
        "where": [{"path": "status = 'active'"}],
        "select": [{"column": [{"name": "status", "path": "status"}]}],
    }
    assert run(view, "status") == [("p1", "active")]
    for_each = {
        "where": [{"path": "status != 'active'"}],
        "select": [{"forEachOrNull": "code.coding", "column": [CODE]}],
    }
    assert run(for_each, "code") == [("p2", None)]


def test_a_constant_stands_for_its_value():
    view = {
        "constant": [{"name": "wanted", "valueString": "b"}],
        "select": [{"column": [{"name": "code", "path": "code.coding.where(code = %wanted).code.first()"}]}],
    }
    assert run(view, "code") == [("p1", "b"), ("p2", None)]


def test_union_all_stacks_its_branches():
    literal = {"column": [{"name": "code", "path": "'fixed'"}]}
    view = {"select": [{"unionAll": [literal, {"forEach": "code.coding", "column": [CODE]}]}]}
    assert run(view, "code") == [("p1", "a"), ("p1", "b"), ("p1", "fixed"), ("p2", "fixed")]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("code.text", "does not list"),
        ("subject.resolve()", "does not know"),
        ("%nobody", "does not define"),
        ("status.where(true)", "does not repeat"),
        ("code +", "outside of what flatten understands"),
        ("code.(", "outside of what flatten understands"),
        ("", "outside of what flatten understands"),
    ],
)
def test_a_path_that_is_not_understood_is_refused_in_a_sentence(path, complaint):
    with pytest.raises(BadRequest, match=complaint):
        run({"select": [{"column": [{"name": "code", "path": path}]}]}, "code")


def test_a_view_that_differs_from_its_contract_is_refused():
    with pytest.raises(BadRequest, match="differs from its contract"):
        run({"select": [{"column": [{"name": "status", "path": "status"}]}]}, "code")


def test_every_flat_table_has_a_view_of_its_own_name():
    compiled = {name for views in compile_views().values() for name in views.selects}
    assert compiled == {table.name for table in (*LOOKED_UP, *FLAT_TABLES)}
    for table in FLAT_TABLES:
        view = load_view(table.name)
        assert (view["name"], view["resourceType"], view["status"]) == (
            table.name,
            "ViewDefinition",
            "active",
        )


def test_or_and_and_bind_as_fhirpath_says():
    assert parse("a or b and c") == parse("a or (b and c)")
    assert parse("a = 'x' and b = 'y'") == parse("(a = 'x') and (b = 'y')")


BAD_LINES = [b"no json", b'{"resourceType":"Flag","id":"f1"', b"\xff\xfe"]


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_line_that_is_no_json_is_refused_without_quoting_it(line):
    with duckdb.connect() as connection, pytest.raises(BadRequest) as refusal:
        flatten(connection, {"Flag": [line]}, key_id="k", site_time_zone="UTC")
    assert "no json" not in str(refusal.value)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "'; DROP TABLE patient; --", ""])
def test_a_time_zone_that_is_none_is_refused(zone):
    with duckdb.connect() as connection, pytest.raises(BadRequest):
        flatten(connection, {}, key_id="k", site_time_zone=zone)


def test_a_key_id_that_is_none_is_refused():
    with duckdb.connect() as connection, pytest.raises(BadRequest, match="key id"):
        flatten(connection, {}, key_id="it's", site_time_zone="UTC")
