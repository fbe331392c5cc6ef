"""The flat tables' own ViewDefinitions, and what flatten refuses in a sentence."""

from __future__ import annotations

import duckdb
import pytest

from data_contracts.contract import Column, Table
from data_contracts.tables.flat import FLAT_TABLES
from ehr_core.kernel.errors import BadRequest
from pipelines.flatten import flatten
from pipelines.flatten.standard import compile_standard
from pipelines.flatten.structure import Used
from pipelines.flatten.tables import LOOKED_UP
from pipelines.flatten.views import KIND, compile_view, compile_views, load_view
from tests.spec.flatten.drawn import coding, flat, observation, reference, rows
from tests.spec.sql_on_fhir.drawn import rows_of

FLAG = Table(
    name="answer",
    description="",
    columns=(Column("key_id", "text", ""), Column("code", "text", ""), Column("status", "text", "")),
)


def flag_view(*columns):
    return {"resource": "Flag", "select": [{"column": list(columns)}]}


def test_a_view_that_differs_from_its_contract_is_refused():
    view = flag_view({"name": "status", "path": "status"}, {"name": "author", "path": "author.reference"})
    with pytest.raises(BadRequest, match=r"differs from its contract: lacks \{'code'\}, adds \{'author'\}"):
        compile_view(view, FLAG, Used("Flag"))


def test_a_kind_of_column_that_nobody_knows_is_refused_where_it_stands():
    tag = {"name": KIND, "value": "horoscope"}
    view = flag_view({"name": "code", "path": "status", "tag": [tag]}, {"name": "status", "path": "status"})
    with pytest.raises(
        BadRequest, match=r"select\[0\].column\[0\].path: asks for a column of kind 'horoscope'"
    ):
        compile_view(view, FLAG, Used("Flag"))


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


@pytest.mark.parametrize("table", [table.name for table in FLAT_TABLES])
def test_every_flat_table_is_an_ordinary_view_definition(table):
    assert compile_standard(load_view(table)).columns


def untagged_columns(select):
    names = [column["name"] for column in select.get("column", ()) if "tag" not in column]
    inner = [*select.get("select", ()), *select.get("unionAll", ())[:1]]
    return names + [name for below in inner for name in untagged_columns(below)]


MARY = {
    "resourceType": "Patient",
    "id": "p1",
    "gender": "female",
    "active": True,
    "address": [{"postalCode": "0210", "state": "MA"}, {"postalCode": "99999"}],
    "managingOrganization": reference("Organization", "clinic"),
}
LABELLED = observation(
    category=[coding("c", "laboratory"), coding("c", "vital-signs")],
    encounter=reference("Encounter", "e1"),
    component=[{"code": coding("s", "a")}, {"code": coding("s", "b")}],
)


@pytest.mark.parametrize(
    ("table", "resource"),
    [
        ("patient", MARY),
        ("observation", LABELLED),
        ("observation_component", LABELLED),
        ("observation_coding", LABELLED),
    ],
)
def test_what_the_language_says_of_a_flat_table_is_the_same_in_any_engine(table, resource):
    view = load_view(table)
    names = [name for select in view["select"] for name in untagged_columns(select)]
    flat(resource)
    standard = [tuple(row[name] for name in names) for row in rows_of(view, [resource])]
    assert sorted(rows(table, *names)) == sorted(standard)
    assert standard


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
