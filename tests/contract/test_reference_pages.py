"""The generated pages of docs/reference say what the code says. A failure names the command that writes them again."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cds.engine import registry
from data_contracts.contract import Column, Table
from data_contracts.reference import table_page
from data_contracts.tables import TABLES
from ehr_core.access.roles import permissions_by_role
from ehr_core.cli import app

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


def printed(page: str) -> str:
    result = CliRunner().invoke(app, ["reference", page])
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("page", ["tables", "settings", "permissions", "commands", "decision-support"])
def test_the_page_in_the_docs_is_what_the_code_says_now(page):
    kept = (FOLDER / f"{page}.md").read_text(encoding="utf-8")
    assert kept == printed(page), f"run `almoner reference {page} > docs/reference/{page}.md`"


def test_every_table_has_a_section_with_every_column():
    sections = {part.split("\n", 1)[0]: part for part in table_page().split("\n## ")[1:]}
    assert list(sections) == list(TABLES)
    missing = [
        (name, column)
        for name, table in TABLES.items()
        for column in table.column_names
        if f"| `{column}` |" not in sections[name]
    ]
    assert missing == []


def test_a_column_shows_its_unit_its_values_and_its_bounds(monkeypatch):
    columns = (
        Column("weight", "number", "Weight | as measured.", required=True, unit="kg", low=0.3, high=650),
        Column("side", "text", "Side.", values=("left", "right")),
    )
    monkeypatch.setattr("data_contracts.reference.TABLES", {"scale": Table("scale", "Weighings.", columns)})
    monkeypatch.setitem(TABLES, "scale", Table("scale", "Weighings.", columns))
    page = table_page()
    assert "| `weight` | number, kg | yes | Weight \\| as measured. At least 0.3. At most 650. |" in page
    assert "| `side` | text |  | Side. One of `left`, `right`. |" in page


def test_every_role_and_permission_is_on_the_page():
    page = printed("permissions")
    names = {*permissions_by_role(), *(one for granted in permissions_by_role().values() for one in granted)}
    assert [name for name in sorted(names) if f"| `{name}` |" not in page] == []


def test_every_command_is_on_the_page_and_explains_itself():
    page = printed("commands")
    sections = page.split("\n## ")[1:]
    assert {"almoner up", "almoner import", "almoner run nightly", "almoner reference"} <= {
        section.split("\n", 1)[0] for section in sections
    }
    assert [section.split("\n", 1)[0] for section in sections if len(section.split("\n\n")) < 3] == []


def test_every_rule_of_decision_support_is_on_the_page_with_its_source():
    page = printed("decision-support")
    missing = [rule for rule in registry().rules if f"| `{rule.partition('.')[2]}` |" not in page]
    assert missing == []
    assert "No pharmacist has reviewed this." in page
