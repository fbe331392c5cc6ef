"""A label that is put on a fact restricts what rests on it in the same transaction, not with the next run."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import create_engine, text

from data_contracts.api.access import NewChartRule
from data_contracts.api.care_gaps import WorklistQuery
from data_contracts.sensitivity import CONFIDENTIALITY
from data_contracts.tables.results import CARE_GAPS
from ehr_core.workflows.write_back.evidence import EVIDENCE_TABLES
from tests.integration.loop.records import as_body, gap_row
from tests.integration.risk.conftest import ANA, BEN, TODAY, put_condition
from tests.lib.weakened import assert_guarded

RESTRICTED = {"security": [{"system": CONFIDENTIALITY, "code": "R"}]}


class LabelsFollow:
    """The database's own guard, as its owner leaves it or switches it off."""

    state = "ENABLE"


@pytest.fixture
def as_owner(admin_url):
    engine = create_engine(admin_url)

    def executing(statement: str) -> None:
        with engine.begin() as connection:
            connection.execute(text(statement))

    yield executing
    engine.dispose()


@pytest.fixture
def shut_out(api) -> None:
    """Care managers see no restricted fact of Ana."""
    deny = NewChartRule(
        patient_id="ana", effect="deny", subject_kind="role", subject="care_manager", label="R",
        asked_by="patient", reason="Asked for it",
    )  # fmt: skip
    api.signed_in("root", "admin").access.make_rule(deny)


def put_failure(api, **more: object) -> None:
    put_condition(api, "failure", "ana", "I50.22", "Chronic systolic heart failure", **more)


@pytest.mark.usefixtures("night", "shut_out")
def test_a_label_restricts_the_tier_at_once_in_chart_list_and_counts(api, manager, as_owner):
    def told() -> set[str]:
        """Where a care manager still finds Ana's tier after a label came onto her heart failure."""
        as_owner(f"ALTER TABLE fhir.condition {LabelsFollow.state} TRIGGER labels_follow")
        put_failure(api, meta=RESTRICTED)
        risk = manager.risk.of_patient("ana")
        counts = {one.tier: one.people for one in manager.risk.tiers().counts}
        found = {"chart": not risk.tier.masked, "score": not risk.scores[0].masked, "counts": counts["high"]}
        put_failure(api)
        return {place for place, tells in found.items() if tells}

    assert manager.risk.of_patient("ana").tier.computed == "high", "nothing is labelled yet"
    assert told() == set()
    assert manager.risk.of_patient("ana").tier.computed == "high", "what was taken off restricts no longer"
    assert_guarded(lambda: bool(told()), lambda patch: patch.setattr(LabelsFollow, "state", "DISABLE"))


@pytest.mark.usefixtures("shut_out")
def test_no_step_of_a_write_back_shows_an_answer_before_the_labels_of_its_facts(
    api, manager, write_back, monkeypatch
):
    put_failure(api, meta=RESTRICTED)
    pipeline = type(api.service("pipeline").pipeline)
    sent = pipeline.write_back
    seen = []

    def looking_after_each(self, *given, **more):
        receipt = sent(self, *given, **more)
        seen.append(
            [one.masked for one in manager.risk.of_patient("ana").scores if one.score_id == "charlson"]
        )
        return receipt

    monkeypatch.setattr(pipeline, "write_back", looking_after_each)
    write_back(ANA, BEN)
    assert seen == [[], [True], [True]]


@pytest.mark.usefixtures("night")
def test_a_gap_takes_the_label_of_its_evidence_at_once_and_only_a_run_takes_it_off(
    api, key, shut_out, manager
):
    gap = gap_row(
        key, "ana", evidence_type="Condition", evidence_key=key.pseudonym("Condition", "failure"),
        evidence_on=date(2020, 5, 1),
    )  # fmt: skip
    stamp = {"run_id": "run", "key_id": key.key_id, "as_of": TODAY, "outbox_transaction": 2**40}
    api.service("pipeline").pipeline.write_back("care_gaps", as_body(CARE_GAPS, [gap]), **stamp)

    def masked() -> bool:
        [found] = manager.care_gaps.of_patient("ana").gaps
        return found.evidence.masked

    assert not masked()
    put_failure(api, meta=RESTRICTED)
    assert masked()
    put_failure(api)
    assert masked(), "the label goes with the run that looks at the record again, never with the change alone"
    assert [row.patient_id for row in manager.worklist.page(WorklistQuery()).rows] == ["ana"]


def test_every_kind_of_evidence_takes_its_labels_along(api):
    with api.work() as work:
        followed = work.connection.execute(
            text(
                "SELECT 'fhir.\"' || relname || '\"' FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
                "WHERE tgname = 'labels_follow' AND tgenabled = 'O'"
            )
        )
        assert set(followed.scalars()) >= set(EVIDENCE_TABLES.values())
