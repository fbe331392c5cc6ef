"""What was dropped and how often is kept beside the snapshot and can be read back: paths and counts, no value."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from data_contracts.lake import Lake, Manifest
from ehr_core.kernel.errors import NotFound
from pipelines.cli import commands
from pipelines.deidentify import Deidentifier, derive_key, load_profile

CANARY = "Quillfeather"


def flag(**elements) -> bytes:
    return json.dumps({"resourceType": "Flag", "id": CANARY, **elements}).encode()


LINES = [
    flag(code={"text": CANARY, "coding": [{"system": f"https://{CANARY}.example", "code": CANARY}]}),
    flag(code={"text": CANARY}),
    flag(**{CANARY: 1}),
    flag(implicitRules=f"https://{CANARY}.example"),
    flag(status={CANARY: 1}),
    b"no json",
]


@pytest.fixture
def lake(tmp_path) -> Lake:
    """A published snapshot of one type, with its report."""
    scrubber = Deidentifier(load_profile("limited"), derive_key("5a" * 32, "limited-1"))
    list(scrubber.scrub_lines("Flag", LINES))
    lake = Lake(tmp_path / "lake")
    lake.keep_deidentification("limited", "s-1", scrubber.report.as_contract())
    lake.publish(
        Manifest(
            snapshot_id="s-1",
            zone="limited",
            profile="limited",
            key_id="limited-1",
            as_of=date(2026, 11, 20),
            taken_at=datetime(2026, 11, 20, tzinfo=UTC),
            outbox_transaction=1,
            code_version="0",
            tables={},
        )
    )
    return lake


def test_the_report_of_the_current_snapshot_says_what_was_dropped_and_why_lines_were_held_back(lake):
    report = lake.deidentification("limited")
    of_flags = report.types["Flag"]
    assert (report.profile, report.key_id) == ("limited", "limited-1")
    assert (of_flags.lines_in, of_flags.lines_out, of_flags.quarantined) == (6, 3, 3)
    assert of_flags.dropped == {
        "Flag.? (unlisted)": 1,
        "Flag.code.coding (not a listed code system)": 1,
        "Flag.code.text": 2,
    }
    assert of_flags.quarantine_reasons == {
        "malformed": 1,
        "unknown_modifier at Flag.implicitRules": 1,
        "wrong_type at Flag.status": 1,
    }


def test_no_value_stands_in_the_report(lake):
    assert CANARY not in lake.deidentification("limited").model_dump_json()


def test_a_zone_without_a_snapshot_has_no_report(lake):
    with pytest.raises(NotFound, match="almoner run nightly"):
        lake.deidentification("safe_harbor")


def test_the_command_tells_the_report(lake, monkeypatch):
    monkeypatch.setenv("ALMONER_STATE", str(lake.folder.parent))
    told = CliRunner().invoke(commands, ["run", "dropped"])
    assert told.exit_code == 0, told.output
    assert "Flag: 6 in, 3 out" in told.output
    assert "2  Flag.code.text" in told.output
