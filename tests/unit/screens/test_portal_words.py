"""The portal speaks plainly, in both languages alike, and draws a number line only where there is a range."""

import tomllib
from base64 import b64decode
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

import portal.text
from data_contracts.api.portal import OwnAppointment, OwnReply, OwnResult, PortalHome, ThingToDo
from ehr_core.client.in_process import InProcess
from ehr_core.kernel.errors import AlmonerError, NotFound, SignInRequired, StaleVersion, Unavailable
from portal.number_line import number_line_html
from portal.page_language import LANGUAGE_ROUTE
from portal.pages import already_had
from portal.pages.home import reply_html, thing_html, to_do_lines
from portal.pages.results import result_html, usual_range
from portal.pages.visit import visit_html
from portal.session import PatientSession
from portal.text import LANGUAGES, Words

FOLDER = Path(portal.text.__file__).parent
EN = Words("en")


def texts(language: str) -> dict[str, str]:
    sections = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return {
        f"{section}.{key}": words for section, entries in sections.items() for key, words in entries.items()
    }


def places(language: str) -> dict[str, set[str]]:
    return {
        key: {part.split("}")[0] for part in words.split("{")[1:]} for key, words in texts(language).items()
    }


def own_result(**changes: object) -> OwnResult:
    facts = {
        "result_id": "o1",
        "name": "Average blood sugar of about 3 months",
        "medical_name": "hemoglobin A1c",
        "category": "laboratory",
        "on": "2026-03-05",
        "text": "7.1 %",
        "number": Decimal("7.1"),
        "unit": "%",
        "low": Decimal("4.0"),
        "high": Decimal("5.6"),
        "words": "Above the usual range.",
        "reviewed": True,
        "awaits_review": False,
        "status": "final",
    }
    return OwnResult(**{**facts, **changes})


def thing(**changes: object) -> ThingToDo:
    facts = {
        "gap_id": "g",
        "title": "A mammogram",
        "text": "We have no record",
        "action": "Call",
        "version": 3,
    }
    return ThingToDo(**{**facts, **changes})


def reply(**changes: object) -> OwnReply:
    facts = {
        "gap_id": "g",
        "title": "A mammogram",
        "told_at": datetime(2026, 3, 5, tzinfo=UTC),
        "state": "waiting",
        "answered_at": None,
        "answer": None,
    }
    return OwnReply(**{**facts, **changes})


def home(**changes: object) -> PortalHome:
    facts = {
        "patient_id": "ana",
        "first_name": "Ana",
        "language": "en",
        "things_to_do": [],
        "to_do_state": "checked",
        "next_visit": None,
        "new_results": 0,
        "site_name": "Riverside",
    }
    return PortalHome(**{**facts, **changes})


def picture(html: str) -> str:
    return b64decode(html.split("base64,")[1].split('"')[0]).decode()


@pytest.mark.parametrize("language", [key for key in LANGUAGES if key != "en"])
def test_every_language_has_the_same_sentences_with_the_same_places(language):
    assert places(language) == places("en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_short(language):
    for key, words in texts(language).items():
        for sentence in words.replace("?", ".").replace("!", ".").replace(":", ".").split("."):
            assert len(sentence.split()) <= 20, f"{key}: {sentence}"


def test_dates_and_times_are_in_the_language():
    assert Words("es").long_date(date(2026, 3, 5)) == "5 de marzo de 2026"
    assert EN.recorded_date("2026-03") == "March 2026"
    assert Words("es").recorded_date("2026-03") == "marzo de 2026"
    clocks = [(0, "12:05 am"), (9, "9:05 am"), (12, "12:05 pm"), (13, "1:05 pm")]
    for hour, words in clocks:
        assert EN.clock(datetime(2026, 3, 5, hour, 5, tzinfo=UTC)) == words
    assert Words("es").clock(datetime(2026, 3, 5, 13, 5, tzinfo=UTC)) == "1:05 p. m."


class TestResults:
    def test_the_plain_word_comes_before_the_medical_one(self):
        html = result_html(EN, own_result())
        assert html.index("Average blood sugar") < html.index("(hemoglobin A1c)")

    def test_no_number_line_without_a_numeric_range(self):
        assert "<img" not in result_html(EN, own_result(low=None, high=None))
        assert "<img" not in result_html(EN, own_result(number=None, text="positive"))

    def test_the_number_line_has_words_for_those_who_do_not_see_it(self):
        html = result_html(EN, own_result())
        alt = "Average blood sugar of about 3 months: 7.1 %. Above the usual range. Usual range: 4.0 to 5.6 %"
        assert f'alt="{alt}"' in html

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({}, "Usual range: 4.0 to 5.6 %"),
            ({"low": None, "high": Decimal("2E+2")}, "Usual range: up to 200 %"),
            ({"high": None}, "Usual range: at least 4.0 %"),
            ({"unit": None}, "Usual range: 4.0 to 5.6"),
            (
                {"low": None, "high": None, "range_text": "women 12 to 16"},
                "Usual range, as the lab wrote it: women 12 to 16",
            ),
            ({"low": None, "high": None}, "The lab did not give a usual range for this."),
            ({"low": None, "high": None, "category": "vital-signs"}, ""),
            ({"low": None, "high": None, "number": None}, ""),
        ],
    )
    def test_the_usual_range_is_said_as_far_as_there_is_one(self, changes, words):
        assert usual_range(EN, own_result(**changes)) == words

    def test_a_final_result_that_nobody_reviewed_is_shown_and_marked(self):
        assert "Not yet reviewed by your care team" in result_html(
            EN, own_result(reviewed=False, awaits_review=True)
        )

    def test_of_an_old_result_without_a_review_nothing_is_claimed(self):
        assert "eviewed" not in result_html(EN, own_result(reviewed=False))

    @pytest.mark.parametrize(("status", "marked"), [("final", False), ("corrected", True), ("amended", True)])
    def test_a_changed_result_is_marked(self, status, marked):
        assert ("This result was corrected" in result_html(EN, own_result(status=status))) is marked

    def test_what_comes_from_the_record_is_escaped(self):
        tricky = own_result(name="<b>x", text="<i>", comment="<script>", earlier=[(None, "<u>")])
        html = result_html(EN, tricky)
        for tag in ("<b>x", "<i>", "<script>", "<u>"):
            assert tag not in html
        assert "Date not recorded: &lt;u&gt;" in html


class TestNumberLine:
    def test_a_value_far_outside_is_an_arrow_at_the_end_of_the_line(self):
        drawn = picture(number_line_html(Decimal("400"), Decimal("4"), Decimal("6"), "far above"))
        assert '<polygon class="out"' in drawn
        assert "<circle" not in drawn

    @pytest.mark.parametrize(
        ("low", "high", "side"),
        [(None, "200", "in"), ("60", None, "in"), ("0", "3", "out"), ("-3", "3", "out")],
    )
    def test_one_bound_and_a_bound_of_zero_can_be_drawn(self, low, high, side):
        bounds = [None if bound is None else Decimal(bound) for bound in (low, high)]
        assert f'class="{side}"' in picture(number_line_html(Decimal("90"), *bounds, "words"))

    @pytest.mark.parametrize(
        ("low", "high"), [(None, None), ("6", "4"), ("4", "4"), (None, "0"), ("-1", None)]
    )
    def test_what_cannot_be_drawn_is_not(self, low, high):
        bounds = [None if bound is None else Decimal(bound) for bound in (low, high)]
        assert number_line_html(Decimal("5"), *bounds, "words") == ""

    def test_digits_stay_as_recorded(self):
        drawn = picture(number_line_html(Decimal("5.10"), Decimal("4.0"), Decimal("1E+1"), "words"))
        for digits in (">5.10<", ">4.0<", ">10<"):
            assert digits in drawn


class TestThingsToDo:
    @pytest.mark.parametrize(
        ("changes", "key"),
        [
            ({}, "home.nothing_to_do"),
            ({"to_do_state": "not_checked"}, "home.not_checked"),
            ({"to_do_state": "paused"}, "home.paused"),
            ({"hidden_items": True}, "home.nothing_shown"),
        ],
    )
    def test_an_empty_list_says_why_it_is_empty(self, changes, key):
        assert to_do_lines(EN, home(**changes)) == [EN(key)]

    def test_what_is_under_way_is_not_counted(self):
        said = thing(reply=reply())
        booked = thing(scheduled_on=date(2026, 3, 9))
        assert to_do_lines(EN, home(things_to_do=[thing(), said, booked])) == ["You have 1 thing to do."]
        assert to_do_lines(EN, home(things_to_do=[booked])) == [EN("home.nothing_to_do")]

    @pytest.mark.parametrize("state", ["waiting", "requested"])
    def test_a_list_whose_last_item_is_being_checked_does_not_say_that_nothing_is_to_do(self, state):
        checked = home(things_to_do=[thing(reply=reply(state=state))])
        assert to_do_lines(EN, checked) == [EN("home.nothing_else")]

    def test_what_was_looked_for_and_not_found_is_to_do_again(self):
        answered = thing(reply=reply(state="not_found", answered_at=datetime(2026, 3, 9, tzinfo=UTC)))
        assert to_do_lines(EN, home(things_to_do=[answered])) == ["You have 1 thing to do."]

    def test_a_list_that_could_not_be_checked_says_so_above_what_it_holds(self):
        lines = to_do_lines(EN, home(things_to_do=[thing()], to_do_state="not_checked"))
        assert lines == [EN("home.not_checked"), "You have 1 thing to do."]

    def test_what_was_told_is_repeated_with_its_day(self):
        assert "You told us on 5 March 2026" in thing_html(EN, thing(reply=reply()))

    @pytest.mark.parametrize(
        ("state", "words"),
        [
            ("requested", "On 9 March 2026 we asked the other place for the record."),
            ("recorded", "We found it, and it is in your record since 9 March 2026."),
            ("not_found", "We looked until 9 March 2026 and did not find it."),
        ],
    )
    def test_what_came_of_it_is_told_with_its_day_and_the_clinics_own_words(self, state, words):
        answered_at = datetime(2026, 3, 9, tzinfo=UTC)
        html = reply_html(EN, reply(state=state, answered_at=answered_at, answer="Ask <us>"))
        assert words in html
        assert "From your care team: Ask &lt;us&gt;" in html


class TestNextVisit:
    VISIT = OwnAppointment(
        starts_at=datetime(2026, 12, 1, 14, 30, tzinfo=UTC),
        time_zone="America/New_York",
        minutes=20,
        with_whom=None,
        where="North <Clinic>",
        reason=None,
    )

    @pytest.mark.parametrize(
        ("viewer", "named"),
        [
            ("America/New_York", False),
            ("America/Toronto", False),
            ("America/Los_Angeles", True),
            (None, True),
            ("Nowhere/At all", True),
            ("../etc/passwd", True),
        ],
    )
    def test_the_clinics_zone_is_named_unless_both_clocks_agree(self, viewer, named):
        html = visit_html(EN, home(next_visit=self.VISIT), viewer)
        assert "1 December 2026 at 9:30 am, with Riverside." in html
        assert ("This is the time at the clinic (New York)." in html) is named
        assert "North &lt;Clinic&gt;" in html

    def test_no_visit_is_said_only_where_none_is_hidden(self):
        assert "You have no visit booked" in visit_html(EN, home(), None)
        assert "no visit that we can show" in visit_html(EN, home(hidden_items=True), None)


class _Portal:
    """A portal that refuses the reply, and lists `listed` when it is asked again."""

    def __init__(self, refusal: AlmonerError | None, listed: list[ThingToDo]):
        self.portal, self._refusal, self._listed = self, refusal, listed

    def already_had(self, _gap_id: str, _said: object) -> None:
        if self._refusal:
            raise self._refusal

    def take_back(self, _gap_id: str) -> None:
        if self._refusal:
            raise self._refusal

    def home(self, _language: str) -> PortalHome:
        return home(things_to_do=self._listed)


class TestAlreadyHad:
    @pytest.mark.parametrize(
        ("refusal", "listed", "key"),
        [
            (None, [], None),
            (StaleVersion("x"), [thing(version=4)], "already.changed"),
            (StaleVersion("x"), [], "already.gone"),
            (NotFound("x"), [], "already.gone"),
            (Unavailable("x"), [], "already.trouble"),
            (SignInRequired("x"), [], "gate.session_ended"),
        ],
    )
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_a_reply_that_cannot_be_sent_is_answered_in_the_pages_language(
        self, refusal, listed, key, language
    ):
        words = Words(language)
        session = PatientSession(_Portal(refusal, listed), words)
        assert already_had.send_reply(session, thing(), "May", "").said == (words(key) if key else None)

    @pytest.mark.parametrize(
        ("refusal", "key"),
        [
            (None, None),
            (NotFound("x"), "reply.answered_meanwhile"),
            (Unavailable("x"), "reply.trouble"),
            (SignInRequired("x"), "gate.session_ended"),
        ],
    )
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_taking_it_back_is_answered_in_the_pages_language(self, refusal, key, language):
        words = Words(language)
        session = PatientSession(_Portal(refusal, []), words)
        assert already_had.take_back(session, "g") == (words(key) if key else None)

    def test_what_changed_is_taken_up_for_the_next_try(self):
        session = PatientSession(_Portal(StaleVersion("x"), [thing(version=4)]), EN)
        assert already_had.send_reply(session, thing(), "May", "").thing.version == 4


def script(name: str) -> httpx.Response:
    transport = InProcess(Starlette(routes=[LANGUAGE_ROUTE]))
    with httpx.Client(base_url="http://portal", transport=transport) as client:
        return client.get(f"/page-language/{name}.js")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_tells_the_browser_its_language(language):
    answer = script(language)
    assert answer.text == f'document.documentElement.lang = "{language}";\n'
    assert answer.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("name", ["fr", '";alert(1)//', "%22;x"])
def test_no_other_script_is_served(name):
    assert script(name).status_code == 404


def test_the_portal_never_says_overdue():
    for language in LANGUAGES:
        said = " ".join(texts(language).values()).lower()
        assert "overdue" not in said
        assert "vencid" not in said
