"""A note in two windows: what one side changed is taken, what both changed is shown, and no word is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from dashboards.clinician import note_screen
from dashboards.clinician.note_editor import editor_data, with_data
from dashboards.clinician.note_merge import both, merge, with_typed
from dashboards.clinician.note_screen import NoteOnScreen, answer, keep, typed
from data_contracts.api.notes import Finding, NoteContent, NoteDraft, PlanItem, PulledBlock, ServiceCode
from ehr_core.charting.notes.templates import template_of
from ehr_core.kernel.errors import StaleVersion, Unavailable

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
SOAP = template_of("soap")
DIABETES = PlanItem(item_id="p1", condition_id="c1", code="E11.9", name="Type 2 diabetes", words="Walk.")
COUGH = PlanItem(item_id="p2", code="R05.9", name="Cough", words="")
VISIT = ServiceCode(system="cpt", code="99213")


def note(subjective="", objective="", **more) -> NoteContent:
    return NoteContent(texts={"subjective": subjective, "objective": objective}, **more)


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "merged", "clashing"),
    [
        (note("a"), note("a", "mine"), note("theirs"), note("theirs", "mine"), []),
        (note("a"), note("mine"), note("a"), note("mine"), []),
        (note("a"), note("same"), note("same"), note("same"), []),
        (note("a"), note("mine"), note("theirs"), note("theirs"), ["texts.subjective"]),
        (
            None,
            note("mine"),
            note("theirs", "same"),
            note("theirs", "same"),
            ["texts.subjective", "texts.objective"],
        ),
        (
            note(plan=[DIABETES]),
            note(plan=[DIABETES, COUGH]),
            note(plan=[DIABETES]),
            note(plan=[DIABETES, COUGH]),
            [],
        ),
        (note(plan=[DIABETES]), note(), note(plan=[DIABETES]), note(), []),
        (note(), note(services=[VISIT]), note(), note(services=[VISIT]), []),
    ],
)
def test_two_versions_come_together_and_only_a_double_change_is_asked_about(
    base, mine, theirs, merged, clashing
):
    found, clashes = merge(base, mine, theirs, SOAP)
    assert found == merged
    assert [clash.field for clash in clashes] == clashing


def test_a_removed_item_that_the_other_side_wrote_in_is_kept():
    theirs = note(plan=[DIABETES.model_copy(update={"words": "Walk more."})])
    merged, _ = merge(note(plan=[DIABETES]), note(), theirs, SOAP)
    assert [item.words for item in merged.plan] == ["Walk more."]


def test_a_finding_that_both_wrote_keeps_both_wordings_when_asked():
    def eyes(words):
        return note(findings={"exam.eyes": Finding(state="abnormal", words=words)})

    _, (clash,) = merge(note(), eyes("red"), eyes("swollen"), SOAP)
    assert (clash.title, both(clash)) == ("Physical examination, Eyes", "abnormal swollen; red")


def test_what_the_editor_does_not_send_stays():
    content = with_typed(
        note("old", plan=[DIABETES]),
        {
            "texts": {"objective": "new"},
            "findings": {"exam.eyes": {"state": "not_examined", "words": ""}},
            "plan": {},
        },
    )
    assert (content.texts, content.findings, content.plan) == (
        {"subjective": "old", "objective": "new"},
        {},
        [DIABETES],
    )


def draft(version: int, content: NoteContent, by: str = "Okafor") -> NoteDraft:
    return NoteDraft(
        note_id="n1",
        patient_id="p",
        encounter_id="e",
        kind="note",
        state="draft",
        of_note_id=None,
        template=SOAP,
        version=version,
        content=content,
        author_name="Okafor",
        updated_at=NOW,
        updated_by_name=by,
    )


class Notes:
    """The room as the API has it: one stored draft, saved only on its own version."""

    def __init__(self, stored: NoteDraft):
        self.stored = stored
        self.away = False

    def draft(self, _note_id):
        return self.stored

    def save(self, _note_id, version, content):
        if self.away:
            raise Unavailable("The server cannot be reached.")
        if version != self.stored.version:
            raise StaleVersion("changed")
        self.stored = draft(version + 1, content, "Me")
        return self.stored


@pytest.fixture
def window(monkeypatch):
    """One window on a note that a colleague may change behind it."""
    notes = Notes(draft(1, note("start")))
    screen = NoteOnScreen(notes.stored)
    monkeypatch.setattr(note_screen.st, "session_state", {"note-n1": screen})
    session = SimpleNamespace(client=SimpleNamespace(notes=notes))
    return SimpleNamespace(notes=notes, screen=screen, session=session)


def types(window, n, base, restored=False, reset=None, **texts):
    payload = {
        "n": n,
        "base": base,
        "restored": restored,
        "reset": reset or window.screen.reset,
        "texts": texts,
    }
    typed(window.session, "n1", payload)


def test_words_typed_faster_than_the_screen_is_drawn_are_all_saved(window):
    types(window, 1, 1, subjective="start and")
    types(window, 2, 1, subjective="start and more")
    assert (window.notes.stored.version, window.notes.stored.content.texts["subjective"]) == (
        3,
        "start and more",
    )
    assert (window.screen.acked, window.screen.clashes) == (2, [])


def test_the_second_window_is_told_shown_the_difference_and_decides(window):
    window.notes.stored = draft(2, note("theirs"), "Chen")
    types(window, 1, 1, subjective="mine")
    (clash,) = window.screen.clashes
    assert (clash.mine, clash.theirs) == ("mine", "theirs")
    assert "Chen" in window.screen.notice
    answer(window.session, window.screen, clash, both(clash))
    assert window.notes.stored.content.texts["subjective"] == "theirs\nmine"
    assert window.screen.clashes == []


def test_words_on_their_way_while_the_other_version_came_do_not_overwrite_it(window):
    window.notes.stored = draft(2, note("theirs"), "Chen")
    types(window, 1, 1, subjective="mine")
    types(window, 2, 1, reset=1, subjective="mine and on")
    assert window.notes.stored.content.texts["subjective"] == "theirs"
    assert [clash.mine for clash in window.screen.clashes] == ["mine and on"]


def test_a_copy_that_a_crash_left_behind_is_restored_or_shown_when_the_note_went_on(window):
    types(window, 1, 1, restored=True, subjective="before the crash")
    assert window.notes.stored.content.texts["subjective"] == "before the crash"
    window.notes.stored = draft(7, note("went on"), "Chen")
    window.screen.base = window.notes.stored
    types(window, 2, 3, restored=True, subjective="an old copy")
    assert [(clash.mine, clash.theirs) for clash in window.screen.clashes] == [("an old copy", "went on")]


def test_a_server_that_is_away_is_told_and_the_words_are_not_acknowledged(window):
    window.notes.away = True
    types(window, 1, 1, subjective="mine")
    assert window.screen.acked == 0
    assert "Not saved yet" in window.screen.trouble
    window.notes.away = False
    assert keep(window.session, window.screen, note("mine"))
    assert window.screen.trouble == ""


def test_a_phrase_brings_the_charts_data_and_marks_what_was_not_read():
    pulled = [
        PulledBlock(kind="medications", heading="Medications", lines=["metformin", "lisinopril"], at=NOW)
    ]
    assert with_data("Taking {medications}; {vitals}", pulled) == "Taking metformin; lisinopril; ***"
    data = editor_data(
        NoteOnScreen(draft(1, note("x", pulled=pulled))), copy="a/n1", phrases={"m": "{medications}"}
    )
    assert data["phrases"] == {"m": "metformin; lisinopril"}
    assert [section["kind"] for section in data["sections"]][:3] == ["text", "findings", "pulled"]
