"""Takes strata: by what each person is counted, and the next day on which time changes an answer about them."""

from __future__ import annotations

from sqlalchemy import Connection, text

from data_contracts.api.pipeline import WriteBackReceipt
from data_contracts.tables.results import PATIENT_STRATA
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.measured import bring_forward, note_measured
from ehr_core.kernel.pseudonym import PseudonymKey
from ehr_core.quality.computed import STRATA, apply_strata
from ehr_core.workflows.write_back.differences import count_unknown, fresh_table, patients_in_scope
from ehr_core.workflows.write_back.keys import key_of_run
from ehr_core.workflows.write_back.left_alone import find_left_alone, leave_out, take_lock
from ehr_core.workflows.write_back.scope import WriteBackScope
from ehr_core.workflows.write_back.staging import read_rows, stage
from ehr_core.workflows.write_back.take import audit_write_back

DELTA, GONE, MEASURED = "delta_patient_strata", "gone_patient_strata", "measured_now"
OTHER_ANSWERS = f"""(
    SELECT patient_id, next_change_on FROM risk.care_tier WHERE present
    UNION ALL SELECT patient_id, next_change_on FROM quality.measure_flag WHERE official
) AS other WHERE patient_id IN (SELECT patient_id FROM {MEASURED})"""
"""What is held of tiers and official measures: a change that does not touch them leaves their days as they are."""
PLAIN = ("sex", "age_band", "race", "ethnicity", "payer", "language")
CLINICIAN_TYPES = ("Practitioner", "PractitionerRole")


def take_strata(
    work: UnitOfWork, scope: WriteBackScope, body: bytes, master_key_hex: str
) -> WriteBackReceipt:
    """Raises BadRequest when a row breaks its contract, NotFound for an unknown key, Gone for a retired one."""
    connection = work.connection
    key = key_of_run(work, master_key_hex, scope.key_id, outbox_transaction=scope.outbox_transaction)
    rows = read_rows(body, PATIENT_STRATA, scope.key_id)
    staged = stage(connection, rows, PATIENT_STRATA)
    take_lock(connection)
    _find_measured(connection, staged, key)
    _find_differences(connection, scope)
    find_left_alone(connection, scope)
    skipped = leave_out(connection, DELTA, GONE, staged)
    connection.execute(
        text(f"DELETE FROM {MEASURED} WHERE patient_id IN (SELECT patient_id FROM left_alone)")
    )
    inserted, changed, removed = apply_strata(connection, delta=DELTA, gone=GONE)
    note_measured(
        connection,
        MEASURED,
        now=work.now(),
        as_of=scope.as_of,
        run_id=scope.run_id,
        partial=scope.source_ids is not None,
        always=scope.patient_keys is not None,
    )
    bring_forward(connection, MEASURED, scope.as_of)
    bring_forward(connection, OTHER_ANSWERS, scope.as_of)
    unknown = count_unknown(connection, staged)
    receipt = WriteBackReceipt(
        received=rows.num_rows,
        inserted=inserted,
        changed=changed,
        unchanged=rows.num_rows - inserted - changed - skipped - unknown,
        skipped_changed_since=skipped,
        refused_unknown_patient=unknown,
        removed=removed,
    )
    audit_write_back(work, scope, PATIENT_STRATA.name, (DELTA, GONE), receipt)
    return receipt


def _find_measured(connection: Connection, staged: str, key: PseudonymKey) -> None:
    """Fills `measured_now`: every staged person with the strata as ids of this chart."""
    columns = ", ".join(f"{name} text" for name in STRATA)
    fresh_table(connection, MEASURED, f"patient_id text PRIMARY KEY, {columns}, next_change_on date")
    fresh_table(connection, "directory", "kind text, key text, id text")
    _fill_directory(connection, "clinic", ("Organization",), key)
    _fill_directory(connection, "clinician", CLINICIAN_TYPES, key)
    plain = ", ".join(f"staged.{name}" for name in PLAIN)
    connection.execute(
        text(f"""
        INSERT INTO {MEASURED} (patient_id, clinic, clinician, {", ".join(PLAIN)}, next_change_on)
        SELECT crosswalk.patient_id, clinic.id, clinician.id, {plain}, staged.next_change_on
        FROM {staged} AS staged
        JOIN core.crosswalk ON crosswalk.key_id = staged.key_id AND crosswalk.pseudonym = staged.patient_key
        LEFT JOIN directory AS clinic ON clinic.kind = 'clinic' AND clinic.key = staged.clinic_key
        LEFT JOIN directory AS clinician ON clinician.kind = 'clinician' AND clinician.key = staged.clinician_key""")
    )


def _fill_directory(
    connection: Connection, kind: str, resource_types: tuple[str, ...], key: PseudonymKey
) -> None:
    tables = {
        "Organization": "fhir.organization",
        "Practitioner": "fhir.practitioner",
        "PractitionerRole": "fhir.practitioner_role",
    }
    for resource_type in resource_types:
        ids = connection.execute(text(f"SELECT id FROM {tables[resource_type]}")).scalars().all()
        connection.execute(
            text(
                "INSERT INTO directory SELECT :kind, entry.key, entry.id "
                "FROM unnest(CAST(:keys AS text[]), CAST(:ids AS text[])) AS entry (key, id)"
            ),
            {"kind": kind, "keys": [key.pseudonym(resource_type, id_) for id_ in ids], "ids": ids},
        )


def _find_differences(connection: Connection, scope: WriteBackScope) -> None:
    columns = ", ".join(f"{name} text" for name in STRATA)
    fresh_table(connection, DELTA, f"patient_id text, is_new boolean, {columns}")
    fresh_table(connection, GONE, "patient_id text")
    names = ", ".join(STRATA)
    new = ", ".join(f"measured.{name}" for name in STRATA)
    old = ", ".join(f"held.{name}" for name in STRATA)
    connection.execute(
        text(
            f"INSERT INTO {DELTA} (patient_id, is_new, {names}) SELECT measured.patient_id, held.patient_id IS NULL, "
            f"{new} FROM {MEASURED} AS measured LEFT JOIN quality.patient_stratum AS held USING (patient_id) "
            f"WHERE held.patient_id IS NULL OR ({old}) IS DISTINCT FROM ({new})"
        )
    )
    if not scope.complete:
        return
    condition, values = patients_in_scope(scope, "held.patient_id")
    connection.execute(
        text(
            f"INSERT INTO {GONE} SELECT held.patient_id FROM quality.patient_stratum AS held WHERE {condition} "
            f"AND NOT EXISTS (SELECT 1 FROM {MEASURED} AS measured WHERE measured.patient_id = held.patient_id)"
        ),
        values,
    )
