"""Is this session still good, and with which roles?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ehr_core.access.clients import registered_clients
from ehr_core.access.policy import SessionFacts, effective_roles, why_session_ended
from ehr_core.access.roles import (
    PATIENT_ROLES,
    STAFF_ROLES,
    check_account_roles,
    permissions_by_role,
    permissions_of,
)
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.secrets import Secrets
from ehr_core.kernel.settings import Settings

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
IDLE = timedelta(minutes=30)
GOOD = SessionFacts(
    account_disabled=False,
    revoked=False,
    last_seen_at=NOW - timedelta(minutes=29, seconds=59),
    ends_at=NOW + timedelta(seconds=1),
    roles=("clinician",),
    patient_id=None,
)


def test_a_session_in_use_within_its_hours_is_good():
    assert why_session_ended(GOOD, now=NOW, idle=IDLE) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"account_disabled": True}, "account_disabled"),
        ({"revoked": True}, "revoked"),
        ({"ends_at": NOW}, "expired"),
        ({"last_seen_at": NOW - IDLE}, "idle"),
    ],
)
def test_each_reason_ends_it_alone(change, why):
    assert why_session_ended(replace(GOOD, **change), now=NOW, idle=IDLE) == why


@pytest.mark.parametrize(
    ("roles", "allowed", "patient_id", "counted"),
    [
        (["clinician", "admin"], STAFF_ROLES, None, ("admin", "clinician")),
        (["clinician"], {"patient"}, None, ()),
        (["patient"], {"patient"}, "ana", ("patient",)),
        (["patient"], {"patient"}, None, ()),
        (["patient"], STAFF_ROLES, "ana", ()),
        ([], STAFF_ROLES, None, ()),
        (["superuser"], {"superuser"}, None, ("superuser",)),
    ],
)
def test_only_the_roles_that_the_application_is_for_count(roles, allowed, patient_id, counted):
    assert effective_roles(roles, allowed, patient_id=patient_id) == counted


def test_a_role_that_nobody_knows_gives_nothing():
    assert permissions_of(["superuser", "Clinician", ""]) == frozenset()
    assert permissions_of([]) == frozenset()


def test_who_writes_charts_signs_excludes_for_clinical_reasons_and_keeps_the_house():
    able = {
        permission: {role for role, given in permissions_by_role().items() if permission in given}
        for permission in (
            "chart.write",
            "fhir.write",
            "gap.exclude_clinical",
            "note.sign",
            "order.sign",
            "medication.prescribe",
            "registration.merge",
            "decision_support.manage",
            "bulk.export",
            "account.manage",
        )
    }
    assert able == {
        "chart.write": {"clinician", "nurse"},
        "fhir.write": {"clinician", "nurse"},
        "gap.exclude_clinical": {"clinician"},
        "note.sign": {"clinician"},
        "order.sign": {"clinician"},
        "medication.prescribe": {"clinician"},
        "registration.merge": {"front_desk"},
        "decision_support.manage": {"pharmacist"},
        "bulk.export": {"service_pipeline"},
        "account.manage": {"admin"},
    }


def test_patients_have_nothing_but_their_own():
    assert all(permission.startswith("own.") for permission in permissions_of(PATIENT_ROLES))


def test_nobody_but_patients_has_what_is_their_own():
    for role, given in permissions_by_role().items():
        if role not in PATIENT_ROLES:
            assert not any(permission.startswith("own.") for permission in given), role


def test_administrators_and_analysts_see_no_patient():
    clinical = {"chart.read", "fhir.read", "patient.search", "worklist.read", "measure.drill", "gap.read"}
    assert not permissions_of(["admin", "analyst"]) & clinical


@pytest.mark.parametrize(
    ("roles", "patient_id"),
    [
        ([], None),
        (["patient"], None),
        (["clinician"], "ana"),
        (["patient", "admin"], "ana"),
        (["service_pipeline"], None),
    ],
)
def test_accounts_with_roles_that_make_no_sense_are_refused(roles, patient_id):
    with pytest.raises(BadRequest):
        check_account_roles(roles, patient_id=patient_id)


def test_each_application_has_its_own_secret_and_exactly_one_way_back():
    clients = registered_clients(Settings(), Secrets())
    assert len({client.secret for client in clients.values()}) == len(clients)
    assert clients["staff"].redirect_uris == ("http://127.0.0.1:8701/oauth2callback",)
    assert clients["portal"].allowed_roles == {"patient", "proxy"}
    assert not clients["pipeline"].redirect_uris
