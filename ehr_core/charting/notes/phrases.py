"""Dot-phrases: the shipped ones, the site's and one's own. Of one name, one's own wins over the site's."""

from __future__ import annotations

from sqlalchemy import Row, text

from data_contracts.api.notes import KeepPhrase, Phrase, Phrases
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.notes.templates import shipped_phrases
from ehr_core.kernel.errors import Conflict, NotFound, StaleVersion

MINE = text("SELECT * FROM charting.phrase WHERE owner_id IS NULL OR owner_id = :me ORDER BY name")
ADD = text("""
INSERT INTO charting.phrase (owner_id, name, words, updated_at, updated_by)
VALUES (:owner, :name, :words, :now, :me) ON CONFLICT DO NOTHING RETURNING *
""")
CHANGE = text("""
UPDATE charting.phrase SET name = :name, words = :words, version = version + 1, updated_at = :now, updated_by = :me
WHERE phrase_id = :phrase_id AND version = :version AND (owner_id = :me OR owner_id IS NULL) RETURNING *
""")


def read_phrases(work: UnitOfWork) -> Phrases:
    """What expands for this actor, by name."""
    work.actor.require("note.write")
    known = {
        name: Phrase(phrase_id=None, name=name, words=words, mine=False)
        for name, words in shipped_phrases().items()
    }
    rows = sorted(_rows(work), key=lambda row: row.owner_id is not None)
    known |= {row.name: _phrase(row) for row in rows}
    return Phrases(phrases=sorted(known.values(), key=lambda phrase: phrase.name))


def phrase_names(work: UnitOfWork) -> frozenset[str]:
    return frozenset(row.name for row in _rows(work))


def keep_phrase(work: UnitOfWork, *, phrase: KeepPhrase) -> Phrase:
    """A phrase of one's own, or of the site (by who may sign notes). Raises Conflict for a name that is taken."""
    work.actor.require("note.sign" if phrase.for_site else "note.write")
    values = {
        "owner": None if phrase.for_site else work.actor.actor_id,
        "name": phrase.name,
        "words": phrase.words.strip(),
        "now": work.now(),
        "me": work.actor.actor_id,
        "phrase_id": phrase.phrase_id,
        "version": phrase.version,
    }
    row = work.connection.execute(CHANGE if phrase.phrase_id else ADD, values).one_or_none()
    if row is None and phrase.phrase_id:
        raise StaleVersion("Somebody else changed this phrase first. Read it again, then change it.")
    if row is None:
        raise Conflict(f"There is a phrase .{phrase.name} already. Change that one, or choose another name.")
    work.audit("phrase_kept", detail={"phrase": str(row.phrase_id), "site": row.owner_id is None})
    return _phrase(row)


def drop_phrase(work: UnitOfWork, *, phrase_id: str) -> None:
    """One's own; the site's only by who may sign notes. Raises NotFound."""
    work.actor.require("note.write")
    row = next((row for row in _rows(work) if str(row.phrase_id) == phrase_id), None)
    if row is None:
        raise NotFound("There is no such phrase of yours or of the site.")
    if row.owner_id is None:
        work.actor.require("note.sign")
    work.connection.execute(
        text("DELETE FROM charting.phrase WHERE phrase_id = :phrase_id"), {"phrase_id": row.phrase_id}
    )
    work.audit("phrase_dropped", detail={"phrase": phrase_id})


def _rows(work: UnitOfWork) -> list[Row]:
    return list(work.connection.execute(MINE, {"me": work.actor.actor_id}))


def _phrase(row: Row) -> Phrase:
    return Phrase(
        phrase_id=str(row.phrase_id),
        name=row.name,
        words=row.words,
        mine=row.owner_id is not None,
        version=row.version,
    )
