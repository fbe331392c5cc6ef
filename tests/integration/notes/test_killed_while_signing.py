"""The serving process is killed in the middle of a signature: the note is signed and sealed whole, or still a draft."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from data_contracts.api.notes import SignNote
from ehr_core.kernel.errors import AlmonerError
from tests.integration.chart_records import body_of, of, put, put_patient, put_site
from tests.integration.notes.conftest import started, written
from tests.lib.api import running_api
from tests.lib.mortal_api import client_over_the_socket, mortal_api
from tests.lib.postgres import free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

DEATHS = 10
BEYOND = 1.6
"""The last death comes so much later than a signature takes."""

WRITTEN = text("""
SELECT n.state, n.content IS NULL AS emptied, n.document_id,
       (SELECT count(*) FROM charting.note_seal s WHERE s.note_id = n.note_id) AS seals,
       (SELECT count(*) FROM fhir.document_reference d
         WHERE d.encounter_id = n.encounter_id AND NOT d.deleted) AS documents,
       (SELECT count(*) FROM fhir.charge_item c WHERE c.encounter_id = n.encounter_id AND NOT c.deleted) AS charges,
       (SELECT e.status FROM fhir.encounter e WHERE e.id = n.encounter_id) AS visit
  FROM charting.note n WHERE n.note_id = CAST(:id AS uuid) FOR UPDATE
""")
DRAFT = ("draft", False, 0, 0, 0, "in-progress")
SIGNED = ("signed", True, 1, 1, 1, "finished")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def api(database, tmp_path, port):
    with running_api(database, tmp_path, now=datetime.now(UTC), api_port=port) as running:
        put_site(running)
        put_patient(running, "ana")
        put(
            running,
            "Condition",
            "dm2",
            clinicalStatus={"coding": [{"code": "active"}]},
            code={
                "coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "E11.9"}],
                "text": "Type 2 diabetes",
            },
            subject=of("ana"),
        )
        yield running


def state_of(api, note_id):
    """Waits for whatever the dead process's transaction still holds."""
    with api.work() as work:
        row = work.connection.execute(WRITTEN, {"id": note_id}).one()
    return row.state, row.emptied, row.seals, row.documents, row.charges, row.visit


def draft_to_sign(client):
    begun = started(client, appointment_id=None)
    draft = client.notes.draft(begun.note_id)
    return client.notes.save(draft.note_id, draft.version, written(draft))


def sign(client, draft, key):
    with suppress(AlmonerError):
        client.notes.sign(draft.note_id, SignNote(version=draft.version, key=key))


def test_a_signature_that_dies_with_its_server_is_whole_or_was_never_given(api, database_url, tmp_path, port):
    sid = api.session(api.account("okafor", "clinician", practitioner_id="okafor"))
    here = api.client_of(sid)
    takes, seen = None, []
    for death in range(DEATHS + 1):
        draft, key = draft_to_sign(here), f"the-key-of-signature-{death}"
        with mortal_api(tmp_path, port, database_url[1]) as process:
            there = client_over_the_socket(api, sid, port)
            there.notes.draft(draft.note_id)
            signing = threading.Thread(target=sign, args=(there, draft, key))
            began = time.monotonic()
            signing.start()
            if takes is None:
                signing.join()
                takes = time.monotonic() - began
            else:
                time.sleep(takes * BEYOND * (death - 1) / (DEATHS - 1))
                process.kill()
                signing.join()
        found = state_of(api, draft.note_id)
        assert found in (DRAFT, SIGNED), f"half a signature, killed {death} of {DEATHS}: {found}"
        seen.append(found)
        receipt = here.notes.sign(draft.note_id, SignNote(version=draft.version, key=key))
        assert receipt.already_signed is (found == SIGNED)
        assert state_of(api, draft.note_id) == SIGNED
        assert here.notes.read(draft.note_id).seal == "whole"
        assert body_of(api, "DocumentReference", receipt.document_id)["status"] == "current"
    assert seen[0] == SIGNED, "left alone it is signed"
    assert {DRAFT, SIGNED} <= set(seen[1:]), "some deaths come before the signature, some after"
