"""Provenance of what software writes: an outside application through the API, or an import; in the same transaction.

One Provenance stands for all that one transaction writes into one patient's record with the same labels: it is as
sensitive as what it is about. What people write by hand is told by the audit log and by the resource's own authors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from data_contracts.code_systems import OWN
from data_contracts.sensitivity import ACT_CODE, ADOLESCENT_CONFIDENTIAL, CONFIDENTIALITY
from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork

PROVENANCE = "Provenance"
PATIENT_EXTENSION = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Provenance.patient"
"""Whose record it is in, as R5 says it: a target that is no Patient does not."""
ACCOUNT_SYSTEM = f"{OWN}/NamingSystem/account"
APPLICATION_SYSTEM, IMPORT_SYSTEM = f"{OWN}/NamingSystem/application", f"{OWN}/NamingSystem/import"
DATA_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
ACTIVITIES = {"create": "CREATE", "update": "UPDATE", "delete": "DELETE"}
TARGETS_AT_ONCE = 500
NOBODY = ""
Write = Callable[[UnitOfWork, dict[str, Any]], object]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an import comes from: its id, what it is in words, and who sent it, as references for Provenance."""

    import_id: str
    words: str
    agent: dict[str, Any]

    @property
    def entity(self) -> dict[str, Any]:
        identifier = {"system": IMPORT_SYSTEM, "value": self.import_id}
        return {"role": "source", "what": {"identifier": identifier, "display": self.words}}


class Touched(NamedTuple):
    """A version that was written, the patient whose record it is in, and its labels."""

    act: str
    reference: str
    version_id: int
    patient_id: str | None
    labels: tuple[str, ...]


def is_software(actor: Actor) -> bool:
    """Whether what this actor writes is written by an outside application, on its own or for somebody."""
    return actor.application is not None


def note(work: UnitOfWork, touched: Touched, write: Write) -> None:
    """Remembers a write until the transaction is about to commit; then all of them are proved together.

    The Provenance is written by the server, not by the application: it may lack the scope, and has no say in it.
    """
    noted = work.noted.setdefault(PROVENANCE, [])
    noted.append(touched)
    if len(noted) > 1:
        return

    def prove() -> None:
        server, agents = replace(work, actor=replace(work.actor, application=None)), _agents(work)
        for body in provenances(noted, agents, None, work.now()):
            write(server, body)

    work.before_commit.append(prove)


def provenances(
    touched: Iterable[Touched],
    agents: Sequence[dict[str, Any]],
    entity: dict[str, Any] | None,
    at: datetime,
) -> Iterator[dict[str, Any]]:
    """One for each patient, set of labels and act, of at most TARGETS_AT_ONCE targets."""
    groups: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
    for one in touched:
        key = (one.patient_id or NOBODY, one.labels, one.act)
        groups.setdefault(key, []).append(f"{one.reference}/_history/{one.version_id}")
    for (patient_id, labels, act), targets in groups.items():
        for start in range(0, len(targets), TARGETS_AT_ONCE):
            part = targets[start : start + TARGETS_AT_ONCE]
            yield _provenance(patient_id, labels, act, part, agents, entity, at)


def _provenance(
    patient_id: str,
    labels: tuple[str, ...],
    act: str,
    targets: Sequence[str],
    agents: Sequence[dict[str, Any]],
    entity: dict[str, Any] | None,
    at: datetime,
) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": PROVENANCE}
    if labels:
        made["meta"] = {"security": [security_of(label) for label in labels]}
    if patient_id:
        whose = {"reference": f"Patient/{patient_id}"}
        made["extension"] = [{"url": PATIENT_EXTENSION, "valueReference": whose}]
    made |= {
        "target": [{"reference": target} for target in targets],
        "recorded": at.isoformat(timespec="milliseconds"),
        "activity": {"coding": [{"system": DATA_OPERATION, "code": ACTIVITIES[act]}]},
        "agent": list(agents),
    }
    return made | ({"entity": [entity]} if entity else {})


def security_of(label: str) -> dict[str, str]:
    """The coding of a label as policies name it."""
    system, bar, code = label.rpartition("|")
    if bar:
        return {"system": system, "code": code} if system else {"code": code}
    if label == ADOLESCENT_CONFIDENTIAL[1]:
        return {"system": ADOLESCENT_CONFIDENTIAL[0], "code": label}
    return {"system": CONFIDENTIALITY if label in ("R", "V") else ACT_CODE, "code": label}


def agent(kind: str, who: dict[str, Any], for_whom: dict[str, Any] | None = None) -> dict[str, Any]:
    """`kind` is author, assembler, transmitter …"""
    told: dict[str, Any] = {"type": {"coding": [{"system": PARTICIPANT, "code": kind}]}, "who": who}
    return told | ({"onBehalfOf": for_whom} if for_whom else {})


def application_agent(work: UnitOfWork) -> dict[str, Any]:
    """The application as a device, under the name by which it is registered."""
    client_id = work.actor.application.client_id
    name = work.connection.execute(
        text("SELECT name FROM access.application WHERE client_id = :id"), {"id": client_id}
    ).scalar_one_or_none()
    identifier = {"system": APPLICATION_SYSTEM, "value": client_id}
    return {"type": "Device", "identifier": identifier, "display": name or client_id}


def _agents(work: UnitOfWork) -> list[dict[str, Any]]:
    """The application; and the person in whose name it wrote, as the author."""
    device, actor = application_agent(work), work.actor
    if actor.kind == "service":
        return [agent("author", device)]
    if actor.kind == "patient" and "patient" in actor.roles:
        person = {"reference": f"Patient/{actor.patient_id}", "display": actor.name}
    elif actor.practitioner_id:
        person = {"reference": f"Practitioner/{actor.practitioner_id}", "display": actor.name}
    else:
        person = {"identifier": {"system": ACCOUNT_SYSTEM, "value": actor.actor_id}, "display": actor.name}
    return [agent("author", person), agent("assembler", device, person)]
