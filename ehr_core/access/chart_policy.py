"""Which rows of a table the actor of a transaction may have: the one condition that every query of resources carries.

The same SQL stands behind it as row-level security (row_security.py): the first wall is in the query, the second in the
database, and neither trusts the other. What an outside application was granted narrows it further (scopes.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import (
    Alias,
    Boolean,
    ColumnElement,
    Table,
    Text,
    TextClause,
    and_,
    column,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    text,
    true,
)
from sqlalchemy import table as table_of
from sqlalchemy.dialects.postgresql import ARRAY

from data_contracts.sensitivity import short_label
from ehr_core.access.actor import ORDINARY_CODES, Actor, ApplicationGrant, restricting_labels
from ehr_core.access.scopes import WORDS, covering, parse
from ehr_core.access.sensitivity import labels, restricting
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.db.database import SET_LABELS, WHOLE_RECORD
from ehr_core.db.row_security import chart_condition, label_condition
from ehr_core.kernel.errors import Forbidden

SEES_ALL = text(
    "SELECT current_setting('almoner.labels', true) = '*' AND NOT EXISTS "
    "(SELECT FROM access.rule_in_force WHERE effect = 'deny' AND label IS NOT NULL)"
)
ORDINARY = ", ".join(f"'{code}'" for code in sorted(ORDINARY_CODES))
EVIDENCE_SEEN = f"""access.label_open(ARRAY(
  SELECT label FROM unnest(string_to_array({{labels}}, ' ')) AS label
  WHERE substring(label FROM '[^|]*$') NOT IN ({ORDINARY})), {{patient}})"""
EVIDENCE_OPEN = text(f"SELECT {EVIDENCE_SEEN.format(labels='CAST(:labels AS text)', patient=':patient')}")
CONTEXT = table_of(
    "security_context",
    column("reference", Text),
    column("patient_id", Text),
    column("category_tokens", ARRAY(Text)),
    column("deleted", Boolean),
    schema="fhir",
)
"""What Binaries belong to, as it is today (migration 0038)."""
LABEL_OPEN = text("SELECT access.label_open(CAST(:labels AS text[]), :patient)")


class Written(Protocol):
    """Of a resource that is to be stored: whose it is and of which categories."""

    patient_id: str | None
    category_tokens: list[str] | None


def rows_open_to(
    actor: Actor, table: Table | Alias, *, of_patient: str | None = None
) -> ColumnElement[bool] | None:
    """The condition on a current or history table of `fhir`, or an alias of one, to be put into the query.

    None when there is none to put. It asks settings of the transaction that `unit_of_work.begin` opened for this actor,
    and is good in no other. Our own services reach everything that their permissions name: nothing is added for them.
    `of_patient` leaves this patient's rows alone: their chart is judged once, and for the rest of the transaction.
    """
    base = getattr(table, "element", table)
    scoped = None if actor.application is None else scope_condition(actor.application, table, base)
    if base.info.get("shared") or (actor.kind == "service" and actor.application is None):
        return scoped
    name = patient_column(base.name)
    found = _walls(table.name, name)
    if of_patient is not None:
        chart = and_(
            select(func.access.open_chart(of_patient)).scalar_subquery(), table.c[name] == of_patient
        )
        found = and_(chart, _labels(table.name, name))
    if scoped is not None:
        found = and_(found, scoped)
    return and_(found, context_open_to(actor, table)) if "context" in table.c else found


@lru_cache(1024)
def _walls(table: str, patient: str) -> ColumnElement[bool]:
    """The same words for every actor: what differs is in the settings of the transaction."""
    chart = chart_condition(f'"{table}".{patient}')
    return and_(text(f"({chart})"), _labels(table, patient))


@lru_cache(1024)
def _labels(table: str, patient: str) -> TextClause:
    labels = label_condition(f'"{table}".sensitivity', f'"{table}".{patient}')
    return text(f"({labels})")


def context_open_to(actor: Actor, table: Table | Alias) -> ColumnElement[bool]:
    """The Binaries that belong to a patient alone, or to what this actor may see today: by chart, label, scope."""
    context = CONTEXT.alias(f"{table.name}_context")
    chart = text(f"({chart_condition(f'{context.name}.patient_id')})")
    labels = text(f"({label_condition(f'{context.name}.sensitivity', f'{context.name}.patient_id')})")
    open_one = [context.c.reference == table.c.context, not_(context.c.deleted), chart, labels]
    if actor.application is not None:
        open_one.append(_context_scope(actor.application, context))
    return or_(table.c.context.is_(None), exists().where(*open_one))


def _context_scope(application: ApplicationGrant, context: Alias) -> ColumnElement[bool]:
    """As `scope_condition`, where the type is in a column too."""
    allowed: list[ColumnElement[bool]] = []
    for scope in filter(None, map(parse, application.scopes)):
        if "r" not in scope.acts:
            continue
        parts: list[ColumnElement[bool]] = [true()]
        if scope.type_name != "*":
            parts.append(func.split_part(context.c.reference, "/", 1) == scope.type_name)
        if scope.level == "patient":
            parts.append(context.c.patient_id == application.patient_id)
        if scope.category is not None:
            parts.append(context.c.category_tokens.contains([scope.category]))
        allowed.append(and_(*parts))
    return or_(false(), *allowed)


def scope_condition(application: ApplicationGrant, table: Table | Alias, base: Table) -> ColumnElement[bool]:
    """The rows that the application's scopes let it read; none without a scope for their type.

    A scope of one category finds nothing in a history table, where categories are not kept.
    """
    allowed: list[ColumnElement[bool]] = []
    for scope in covering(application.scopes, base.info["type"], "r"):
        parts: list[ColumnElement[bool]] = [true()]
        if scope.level == "patient" and not base.info.get("shared"):
            parts.append(table.c[patient_column(base.name)] == application.patient_id)
        if scope.category is not None:
            categories = table.c.get("category_tokens")
            parts.append(false() if categories is None else categories.contains([scope.category]))
        allowed.append(and_(*parts))
    return or_(false(), *allowed)


def require_scope(actor: Actor, type_name: str, act: str, written: Written | None = None) -> None:
    """Raises Forbidden when the actor is an application without a scope for this act on this type.

    `written` is what is to be stored: it has to be of the patient and category of a scope, too.
    """
    if actor.application is None:
        return
    found = covering(actor.application.scopes, type_name, act)
    if written is not None:
        found = [
            scope
            for scope in found
            if (scope.level != "patient" or written.patient_id == actor.application.patient_id)
            and (scope.category is None or scope.category in (written.category_tokens or ()))
        ]
    if not found:
        raise Forbidden(
            f"The application has no scope to {WORDS[act]} {type_name}. Ask for one such as "
            f"patient/{type_name}.{act} and be let in again."
        )


def may_read(actor: Actor, type_name: str) -> bool:
    """Whether an application's scopes say anything of reading this type; for everybody else, yes."""
    return actor.application is None or bool(covering(actor.application.scopes, type_name, "r"))


def patient_column(table_name: str) -> str:
    """A Patient's own row is of the patient whose id it has."""
    return "id" if table_name in ("patient", "patient_history") else "patient_id"


@contextmanager
def whole_record(work: UnitOfWork) -> Iterator[None]:
    """Within it, a query finds rows with sensitive labels too: to check for safety, and to count what is held back.

    It opens no chart that is shut. Whoever asks shows no more of it than `LabelSieve.split` lets through, and
    audits the act that it is for.
    """
    if work.actor.kind == "service" and work.actor.application is None:
        yield
        return
    before = ",".join(sorted(work.actor.labels_seen))
    work.connection.execute(SET_LABELS, {"labels": WHOLE_RECORD})
    try:
        yield
    finally:
        work.connection.execute(SET_LABELS, {"labels": before})


class LabelSieve:
    """What one actor may see of resources that a query of the whole record found.

    The database is asked about labels once for each patient and set of labels, and not at all where there are none.
    """

    def __init__(self, work: UnitOfWork):
        self._work = work
        self._known: dict[tuple[str | None, ...], bool] = {}
        self._everything = (work.actor.kind == "service" and work.actor.application is None) or (
            work.actor.kind != "patient" and work.connection.execute(SEES_ALL).scalar_one()
        )

    def sees(self, resource: dict[str, Any]) -> bool:
        if self._everything or not isinstance(resource, dict):
            return True
        found = sorted({short_label(*label) for label in restricting(labels(resource))})
        if not found:
            return True
        asked = (subject_id(resource), *found)
        if asked not in self._known:
            values = {"labels": found, "patient": asked[0]}
            self._known[asked] = self._work.connection.execute(LABEL_OPEN, values).scalar_one()
        return self._known[asked]

    def split(self, resources: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
        """The resources that this actor may see, and how many were held back: never silently missing."""
        listed = list(resources)
        visible = [resource for resource in listed if self.sees(resource)]
        return visible, len(listed) - len(visible)


def evidence_open(work: UnitOfWork, labels: str | None, patient_id: str) -> bool:
    """May this actor see what rests on evidence of these labels in this patient's record: a gap, a measure's answer?

    Such an answer carries every label of its evidence; who may not see one of them does not see it.
    """
    actor = work.actor
    if actor.kind == "service" or not restricting_labels(labels):
        return actor.sees_labels(labels)
    if "sees_all" not in work.known:
        work.known["sees_all"] = work.connection.execute(SEES_ALL).scalar_one()
    asked = ("evidence", labels, patient_id)
    if not work.known["sees_all"] and asked not in work.known:
        values = {"labels": labels, "patient": patient_id}
        work.known[asked] = work.connection.execute(EVIDENCE_OPEN, values).scalar_one()
    return work.known["sees_all"] or work.known[asked]


def evidence_shown(actor: Actor, labels: str, patient: str) -> str:
    """`evidence_open` as a condition of a query, over the columns with the labels and the patient, for many rows."""
    if actor.kind == "service" and actor.application is None:
        return "true"
    seen = EVIDENCE_SEEN.format(labels=labels, patient=patient)
    return f"(coalesce({labels}, '') = '' OR ({SEES_ALL.text}) OR {seen})"


def subject_id(resource: dict[str, Any]) -> str | None:
    """The patient that a resource names, by the elements that FHIR has for it."""
    if resource.get("resourceType") == "Patient":
        return resource.get("id")
    for element in ("subject", "patient", "beneficiary", "for"):
        reference = resource.get(element)
        if isinstance(reference, dict) and "Patient/" in (reference.get("reference") or ""):
            return reference["reference"].rpartition("Patient/")[2].partition("/")[0]
    return None
