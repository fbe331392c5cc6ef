"""A database with three people in it, and the key of the limited zone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from ehr_core.access.unit_of_work import UnitOfWork, begin
from ehr_core.kernel.clock import FixedClock
from ehr_core.kernel.pseudonym import PseudonymKey
from ehr_core.workflows.write_back.crosswalk import extend_to_all
from ehr_core.workflows.write_back.keys import key_in_use
from tests.integration.loop.records import NOON, WORKER, ZONE, put_patient

PEOPLE = ("ana", "ben", "cleo")


@pytest.fixture
def work_as(database) -> Callable[..., AbstractContextManager[UnitOfWork]]:
    """Opens a unit of work as an actor (the worker unless told otherwise)."""
    return lambda actor=WORKER, now=NOON: begin(database, actor, FixedClock(now), ZONE)


@pytest.fixture
def key(work_as, secrets) -> PseudonymKey:
    """The key in use, with Ana, Ben and Cleo in the crosswalk."""
    with work_as() as work:
        for patient_id in PEOPLE:
            put_patient(work.connection, patient_id, name=[{"family": patient_id.title()}])
        made = key_in_use(work, secrets.pseudonym_master_key, "limited")
        extend_to_all(work, made)
    return made
