"""The watch over the audit log: reads what was done since the last look, asks the rules, and raises alerts, each once.

An open alert about the same grows instead of another being raised; a closed one comes back only for what was done after
it. Every alert that is raised, and every step with one, is an audit row itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from ehr_core.access.actor import Actor
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.access.watch_rules import RULES, Act, Facts, Finding, Thresholds, findings
from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.fhir_json import decode
from ehr_core.kernel.ids import new_id
from ehr_core.kernel.name_sounds import folded

WATCHER = Actor("service:audit-watch", "service", "Watch over the audit log", (), frozenset({"audit.read"}))
FIRST_LOOK = timedelta(days=1)
LATE_COMMITS = timedelta(minutes=10)
"""Rows of transactions that took long are seen by the next look."""
MOST_ACTS = 500_000

ONE_WATCHER = text("SELECT pg_try_advisory_xact_lock(hashtextextended('almoner.audit-watch', 0))")
UNTIL = text("SELECT watched_until FROM access.watch")
NOTE_UNTIL = text(
    "INSERT INTO access.watch (watched_until) VALUES (:now) "
    "ON CONFLICT (is_the_one) DO UPDATE SET watched_until = excluded.watched_until"
)
ACTS = text(
    """
    SELECT e.at, e.actor_id, e.act, e.outcome, e.patient_id, e.patient_ids, e.detail ->> 'address' AS address
    FROM audit.event e WHERE e.at >= :since AND (e.actor_kind = 'user' OR e.actor_kind IS NULL)
    ORDER BY e.at LIMIT :most
    """
)
TREATS = text(
    """
    SELECT a.id AS account, l.patient_id FROM access.account a
      JOIN access.chart_link l ON l.holder = 'Practitioner/' || a.practitioner_id
      WHERE a.id = ANY(:accounts) AND l.patient_id = ANY(:patients)
    UNION SELECT a.id, p.patient_id FROM access.account a JOIN fhir.appointment p
      ON p.reference_tokens && ARRAY['practitioner:Practitioner/' || a.practitioner_id,
        'actor:Practitioner/' || a.practitioner_id]
      WHERE a.id = ANY(:accounts) AND p.patient_id = ANY(:patients) AND NOT p.deleted
        AND p.date_low BETWEEN :since - interval '30 days' AND :since + interval '30 days'
    """
)
RAISE = text(
    """
    INSERT INTO access.alert (id, rule, about, account_id, address, patient_ids, severity, acts, first_at, last_at,
      raised_at) VALUES (:id, :rule, :about, :account_id, :address, :patients, :severity, :acts, :first_at, :last_at,
      :now)
    ON CONFLICT (rule, about) WHERE state <> 'closed' DO UPDATE SET
      acts = greatest(access.alert.acts, excluded.acts), last_at = greatest(access.alert.last_at, excluded.last_at),
      severity = CASE WHEN 'serious' IN (access.alert.severity, excluded.severity) THEN 'serious' ELSE 'look' END,
      patient_ids = ARRAY(SELECT DISTINCT unnest(access.alert.patient_ids || excluded.patient_ids) ORDER BY 1)
    RETURNING id
    """
)
CLOSED = text(
    "SELECT rule, about, max(last_at) AS last_at FROM access.alert WHERE state = 'closed' GROUP BY rule, about"
)


def thresholds(path: Path | None) -> Thresholds:
    """The product's, or the site's file. Raises StartupFailed, naming what is missing."""
    return _shipped() if path is None else _read(path)


def look(work: UnitOfWork, limits: Thresholds) -> int:
    """One look; how many alerts are new. Does nothing while another process looks."""
    if not work.connection.execute(ONE_WATCHER).scalar_one():
        return 0
    now = work.now()
    until = work.connection.execute(UNTIL).scalar_one_or_none() or now - FIRST_LOOK
    longest = max(timedelta(minutes=limits[rule]["window_minutes"]) for rule in RULES)
    since = until - longest - LATE_COMMITS
    acts = [_act(row) for row in work.connection.execute(ACTS, {"since": since, "most": MOST_ACTS})]
    raised = 0
    if any(act.at >= until - LATE_COMMITS for act in acts):
        facts = facts_about(work.connection, acts, limits, since=now, zone=work.site_time_zone)
        raised = raise_alerts(work, findings(acts, facts, limits))
    work.connection.execute(NOTE_UNTIL, {"now": now})
    return raised


def raise_alerts(work: UnitOfWork, found: Sequence[Finding]) -> int:
    """New ones only; what an open alert says already makes it grow."""
    closed = {(row.rule, row.about): row.last_at for row in work.connection.execute(CLOSED)}
    raised = 0
    for one in found:
        before = closed.get((one.rule, one.about))
        if before is not None and one.last_at <= before:
            continue
        wanted = new_id()
        values = vars(one) | {"id": wanted, "patients": list(one.patients), "now": work.now()}
        alert_id = work.connection.execute(RAISE, values).scalar_one()
        if alert_id == wanted:
            raised += 1
            work.audit(
                "alert_raised",
                patient_ids=one.patients,
                detail={"alert": alert_id, "rule": one.rule, "severity": one.severity, "acts": one.acts},
            )
    return raised


def facts_about(
    connection: Connection, acts: Sequence[Act], limits: Thresholds, *, since: datetime, zone: str
) -> Facts:
    """What the rules have to know of the people and patients in these acts."""
    looks = [act for act in acts if act.is_look and act.account_id]
    accounts = sorted({act.account_id for act in looks if act.account_id})
    patients = sorted({patient for act in looks for patient in act.patients})
    people = connection.execute(
        text("SELECT id, display_name, roles FROM access.account WHERE id = ANY(:ids)"), {"ids": accounts}
    ).all()
    surnames = {row.id: _last_word(row.display_name) for row in people}
    treats = connection.execute(TREATS, {"accounts": accounts, "patients": patients, "since": since})
    return Facts(
        zone=zone,
        roles={row.id: tuple(row.roles) for row in people},
        namesakes=_namesakes(connection, looks, surnames),
        treats=frozenset((row.account, row.patient_id) for row in treats),
        labelled=_labelled(connection, patients, limits["well_known_chart"]["labels"]),
    )


def _act(row: Any) -> Act:
    one = (row.patient_id,) if row.patient_id else ()
    return Act(row.at, row.actor_id, row.act, row.outcome, one, row.address)


def _namesakes(
    connection: Connection, looks: Sequence[Act], surnames: dict[str, str]
) -> frozenset[tuple[str, str]]:
    """(account, patient) who share a family name, of the charts that were opened."""
    pairs = {(act.account_id or "", patient) for act in looks for patient in act.patients}
    patients = sorted({patient for _, patient in pairs})
    rows = connection.execute(
        text(
            "SELECT p.id, p.body FROM fhir.patient p WHERE p.id = ANY(:ids) AND NOT p.deleted AND EXISTS "
            "(SELECT FROM unnest(CAST(:names AS text[])) AS name WHERE p.name_text LIKE '% ' || name || '%')"
        ),
        {"ids": patients, "names": sorted({name for name in surnames.values() if name})},
    )
    families = {
        row.id: {folded(name["family"]) for name in decode(row.body).get("name") or () if name.get("family")}
        for row in rows
    }
    return frozenset(
        (account, patient)
        for account, patient in pairs
        if (name := surnames.get(account))
        and any(name in family.replace("-", " ").split() for family in families.get(patient, ()))
    )


def _labelled(
    connection: Connection, patients: list[str], labels: Sequence[str]
) -> dict[str, frozenset[str]]:
    rows = connection.execute(
        text(
            "SELECT p.id, split_part(token, '|', 2) AS label FROM fhir.patient p, unnest(p.security_tokens) AS token "
            "WHERE p.id = ANY(:ids) AND split_part(token, '|', 2) = ANY(:labels)"
        ),
        {"ids": patients, "labels": list(labels)},
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.label, set()).add(row.id)
    return {label: frozenset(ids) for label, ids in found.items()}


def _last_word(display_name: str) -> str:
    """The family name of somebody of the staff, as their name is written: 'Dr. Maya Okafor, MD' gives okafor."""
    words = folded(display_name.partition(",")[0]).split()
    return words[-1] if words else ""


@cache
def _shipped() -> Thresholds:
    return tomllib.loads(files("ehr_core.access").joinpath("watch.toml").read_text(encoding="utf-8"))


def _read(path: Path) -> Thresholds:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StartupFailed(f"The file '{path}' of ALMONER_WATCH_RULES cannot be read.") from error
    missing = [
        f"{rule}.{name}"
        for rule, wanted in _shipped().items()
        for name, value in wanted.items()
        if name != "why" and not isinstance(found.get(rule, {}).get(name), type(value))
    ]
    if missing:
        raise StartupFailed(f"The file '{path}' of ALMONER_WATCH_RULES does not say {', '.join(missing)}.")
    return found
