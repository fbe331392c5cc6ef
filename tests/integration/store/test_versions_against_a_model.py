"""The versioned store against a plain dictionary: whatever is done in whatever order, both say the same."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import begin
from ehr_core.db.database import Database
from ehr_core.kernel.clock import FixedClock
from ehr_core.kernel.errors import Conflict, Gone, NotFound, StaleVersion
from ehr_core.store.repository import Store
from tests.integration.store.conftest import NOON, SITE

IDS = [f"r-{number}" for number in range(4)]
numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,10})?([eE][+-]?[0-9])?", fullmatch=True)


@dataclass
class Model:
    """Versions of each resource, oldest first; None is a deletion."""

    versions: dict[str, list[str | None]] = field(default_factory=dict)

    def current(self, resource_id: str) -> str | None:
        return self.versions.get(resource_id, [None])[-1]


def body(number: str) -> bytes:
    return (
        '{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        f'"valueQuantity":{{"value":{number}}}}}'
    ).encode()


def number_in(stored: bytes) -> str | None:
    if not stored:
        return None
    return json.loads(stored, parse_float=str, parse_int=str)["valueQuantity"]["value"]


class Undo(Exception):
    """Ends an example without keeping what it did."""


class StoreAgainstModel(RuleBasedStateMachine):
    """One transaction an example, rolled back at its end."""

    database: Database
    actor: Actor

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.opened = begin(self.database, self.actor, FixedClock(NOON), SITE)
        self.work = self.opened.__enter__()
        self.store = Store(self.work)

    def teardown(self) -> None:
        self.opened.__exit__(Undo, Undo(), None)

    @rule(resource_id=st.sampled_from(IDS), number=numbers)
    def create(self, resource_id: str, number: str) -> None:
        if resource_id in self.model.versions:
            with pytest.raises(Conflict):
                self.store.create("Observation", body(number), id=resource_id)
        else:
            assert self.store.create("Observation", body(number), id=resource_id).version_id == 1
            self.model.versions[resource_id] = [number]

    @rule(resource_id=st.sampled_from(IDS), number=numbers, if_match=st.none() | st.integers(0, 5))
    def update(self, resource_id: str, number: str, if_match: int | None) -> None:
        versions = self.model.versions.get(resource_id, [])
        if if_match is not None and (not versions or if_match != len(versions)):
            with pytest.raises(StaleVersion):
                self.store.update("Observation", resource_id, body(number), if_match=if_match)
            return
        saved = self.store.update("Observation", resource_id, body(number), if_match=if_match)
        if not versions or versions[-1] != number:
            self.model.versions.setdefault(resource_id, []).append(number)
        assert saved.version_id == len(self.model.versions[resource_id])

    @rule(resource_id=st.sampled_from(IDS))
    def delete(self, resource_id: str) -> None:
        if resource_id not in self.model.versions:
            with pytest.raises(NotFound):
                self.store.delete("Observation", resource_id)
            return
        self.store.delete("Observation", resource_id)
        if self.model.current(resource_id) is not None:
            self.model.versions[resource_id].append(None)

    @rule(resource_id=st.sampled_from(IDS), version=st.integers(1, 5))
    def vread(self, resource_id: str, version: int) -> None:
        versions = self.model.versions.get(resource_id, [])
        if version > len(versions):
            with pytest.raises(NotFound):
                self.store.vread("Observation", resource_id, version)
        elif versions[version - 1] is None:
            with pytest.raises(Gone):
                self.store.vread("Observation", resource_id, version)
        else:
            found = self.store.vread("Observation", resource_id, version)
            assert number_in(found.body) == versions[version - 1]

    @invariant()
    def every_resource_reads_as_the_model_says(self) -> None:
        for resource_id, versions in self.model.versions.items():
            if versions[-1] is None:
                with pytest.raises(Gone):
                    self.store.read("Observation", resource_id)
            else:
                assert number_in(self.store.read("Observation", resource_id).body) == versions[-1]

    @invariant()
    def history_and_search_agree_with_the_model(self) -> None:
        for resource_id, versions in self.model.versions.items():
            found = self.store.history("Observation", resource_id)
            assert [number_in(version.body) for version in reversed(found)] == versions
            assert [version.version_id for version in reversed(found)] == list(range(1, len(versions) + 1))
        living = {name for name, versions in self.model.versions.items() if versions[-1] is not None}
        assert {found.id for found in self.store.search("Observation", {}).resources} == living


def test_the_store_behaves_like_a_dictionary_of_versions(database, staff) -> None:
    StoreAgainstModel.database, StoreAgainstModel.actor = database, staff
    run_state_machine_as_test(
        StoreAgainstModel,
        settings=settings(
            max_examples=40,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
