"""Who stands around a patient: proxies and carers with what they may do and until when, and the care team."""

from __future__ import annotations

from typing import Any

from data_contracts import demographics as vocabulary
from data_contracts.api.demographics import (
    CareTeamFacts,
    CareTeamMember,
    Proxy,
    ProxyFacts,
    Saved,
    SaveProxy,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.fhir_json import codings, reference_id, words
from ehr_core.registration.parts import save_part, today_in
from ehr_core.registration.problems import Problems

Resource = dict[str, Any]


def read_proxies(stored: list[tuple[int, Resource]], today: str) -> list[Proxy]:
    """Those in force first, then by name."""
    found = [
        Proxy(
            proxy_id=person["id"],
            version_id=version_id,
            facts=_read_proxy(person),
            in_force=person.get("active") is not False and today_in(person.get("period"), today),
        )
        for version_id, person in stored
    ]
    return sorted(found, key=lambda proxy: (not proxy.in_force, proxy.facts.name.lower(), proxy.proxy_id))


def _read_proxy(person: Resource) -> ProxyFacts:
    name = next(iter(person.get("name") or ()), {})
    telecom = {item.get("system"): item.get("value") for item in reversed(person.get("telecom") or ())}
    period = person.get("period") or {}
    listed = [code for concept in person.get("relationship") or () for _, code in codings(concept)]
    return ProxyFacts(
        name=name.get("text")
        or " ".join([*(name.get("given") or ()), name.get("family") or ""]).strip()
        or "name not recorded",
        relationship=next((code for code in listed if code in vocabulary.relationships()), None),
        phone=telecom.get("phone"),
        email=telecom.get("email"),
        scopes=[
            item["valueCode"]
            for item in person.get("extension") or ()
            if item.get("url") == vocabulary.PROXY_SCOPE_URL and item.get("valueCode")
        ],
        start=period.get("start"),
        end=period.get("end"),
        active=person.get("active") is not False,
    )


def save_proxy(work: UnitOfWork, *, patient_id: str, proxy_id: str | None, proxy: SaveProxy) -> Saved:
    """Raises InvalidResource naming the field, StaleVersion, NotFound, Conflict for a merged record."""
    facts = proxy.facts
    problems = Problems()
    problems.period("period", facts.start, facts.end)
    problems.phone("phone", facts.phone)
    problems.email("email", facts.email)
    if unknown := set(facts.scopes) - set(vocabulary.choices("proxy_scopes")):
        problems.add(
            "scopes", f"There is no such scope: {', '.join(sorted(unknown))}. Choose among those offered."
        )
    if facts.relationship and facts.relationship not in vocabulary.relationships():
        problems.add("relationship", "Choose one of the relationships that are offered.")
    problems.raise_any()
    return save_part(
        work,
        "RelatedPerson",
        proxy_id,
        proxy.version_id,
        patient_id,
        lambda old: _written_proxy(old, facts, patient_id),
    )


def _written_proxy(old: Resource, facts: ProxyFacts, patient_id: str) -> Resource:
    *given, family = facts.name.split() or [""]
    known = vocabulary.relationships().get(facts.relationship or "")
    others = [item for item in old.get("telecom") or () if item.get("system") not in ("phone", "email")]
    extensions = [
        item for item in old.get("extension") or () if item.get("url") != vocabulary.PROXY_SCOPE_URL
    ]
    made = old | {
        "extension": extensions
        + [{"url": vocabulary.PROXY_SCOPE_URL, "valueCode": scope} for scope in facts.scopes],
        "active": facts.active,
        "patient": {"reference": f"Patient/{patient_id}"},
        "name": [{"given": given, "family": family or None}],
        "telecom": others
        + [
            {"system": system, "value": value.strip()}
            for system, value in (("phone", facts.phone), ("email", facts.email))
            if (value or "").strip()
        ],
        "period": {**(old.get("period") or {}), "start": facts.start or None, "end": facts.end or None},
    }
    if known:
        coding = {"system": known.system, "code": known.code, "display": known.display}
        made["relationship"] = [{"coding": [coding], "text": known.words}]
    return made


def read_care_team(stored: list[tuple[int, Resource]]) -> CareTeamFacts:
    """The one team in use; the newest when there are several."""
    teams = [(version, team) for version, team in stored if team.get("status", "active") == "active"]
    if not teams:
        return CareTeamFacts()
    version_id, team = teams[-1]
    return CareTeamFacts(
        care_team_id=team["id"],
        version_id=version_id,
        members=[_member(item) for item in team.get("participant") or ()],
    )


def _member(item: Resource) -> CareTeamMember:
    role = next(filter(None, (words(concept) for concept in item.get("role") or ())), None)
    return CareTeamMember(
        practitioner_id=reference_id(item.get("member"), "Practitioner"),
        name=(item.get("member") or {}).get("display"),
        role=role,
    )


def save_care_team(work: UnitOfWork, *, patient_id: str, team: CareTeamFacts, names: dict[str, str]) -> Saved:
    """The whole team. `names`: of the practitioners, looked up. Raises InvalidResource, StaleVersion."""
    problems = Problems()
    for number, member in enumerate(team.members):
        if member.practitioner_id and member.practitioner_id not in names:
            problems.add(f"members[{number}]", "There is no such clinician in the directory. Choose one.")
        if not member.practitioner_id and not (member.name or "").strip():
            problems.add(f"members[{number}]", "Choose a clinician or write a name, or remove the line.")
    problems.raise_any()
    return save_part(
        work,
        "CareTeam",
        team.care_team_id,
        team.version_id,
        patient_id,
        lambda old: (
            old
            | {
                "status": "active",
                "subject": {"reference": f"Patient/{patient_id}"},
                "participant": [_participant(member, names) for member in team.members],
            }
        ),
    )


def _participant(member: CareTeamMember, names: dict[str, str]) -> Resource:
    if member.practitioner_id:
        who = {
            "reference": f"Practitioner/{member.practitioner_id}",
            "display": names[member.practitioner_id],
        }
    else:
        who = {"display": (member.name or "").strip()}
    return {"role": [{"text": member.role}] if member.role else [], "member": who}
