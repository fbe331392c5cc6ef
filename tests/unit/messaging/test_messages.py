"""The words of messages, when they wait for the morning, and what a link's token is worth; as tables."""

from __future__ import annotations

import string
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

import ehr_core.messaging.words
from ehr_core.kernel.errors import NotFound, StartupFailed
from ehr_core.kernel.ids import new_id
from ehr_core.kernel.settings import Settings
from ehr_core.messaging.links import link_id_of, link_key, token_of
from ehr_core.messaging.senders import MailboxSender, SmtpSender, senders
from ehr_core.messaging.words import compose, kinds, short_time, spoken
from ehr_core.workflows.visit_messages import after_quiet_hours

FOLDER = Path(ehr_core.messaging.words.__file__).with_name("texts")
NINE = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
NEW_YORK = "America/New_York"


def texts(language: str) -> dict[str, str]:
    read = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    flat = {key: value for key, value in read.items() if isinstance(value, str)}
    for kind, rows in read.items():
        if isinstance(rows, dict):
            flat |= {f"{kind}.{key}": value for key, value in rows.items()}
    return flat


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_say_the_same_with_the_same_places_and_nothing_else_has_one():
    english, spanish = texts("en"), texts("es")
    assert {key: places(words) for key, words in english.items()} == {
        key: places(words) for key, words in spanish.items()
    }
    assert set().union(*map(places, english.values())) == {"site", "when", "link"}


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("kind", kinds())
def test_a_subject_is_short_and_a_text_message_fits_in_two(kind, language):
    facts = {"site": "Riverside Community Health", "starts_at": NINE, "time_zone": NEW_YORK}
    mail = compose(kind, "email", language, link="https://portal.example.org/visit/" + "x" * 43, **facts)
    assert len(mail.subject) <= 60
    assert len(mail.subject.split()) <= 9
    sms = compose(kind, "sms", language, link="https://portal.example.org/visit/" + "x" * 43, **facts)
    assert sms.subject is None
    assert len(sms.body) <= 306


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "Mon 23 Nov, 9:00 am"),
        ("es-MX", "lun 23 nov, 9:00 a. m."),
        ("vi", "Mon 23 Nov, 9:00 am"),
        (None, "Mon 23 Nov, 9:00 am"),
    ],
)
def test_a_time_is_the_clinics_in_the_persons_language(language, told):
    assert short_time(NINE, NEW_YORK, spoken(language)) == told


def test_a_time_that_is_not_told_is_not_in_the_message():
    said = compose("booked", "email", "en", site="S", starts_at=None, time_zone=NEW_YORK, link="L")
    assert "9:00" not in said.body
    assert "23" not in said.body


@pytest.mark.parametrize(
    ("now", "goes_at"),
    [
        ("2026-11-20T09:00:00-05:00", "2026-11-20T09:00:00-05:00"),
        ("2026-11-20T19:59:00-05:00", "2026-11-20T19:59:00-05:00"),
        ("2026-11-20T20:00:00-05:00", "2026-11-21T08:00:00-05:00"),
        ("2026-11-20T03:00:00-05:00", "2026-11-20T08:00:00-05:00"),
        ("2026-10-31T23:00:00-04:00", "2026-11-01T08:00:00-05:00"),
    ],
)
def test_by_night_a_reminder_waits_for_the_clinics_morning(now, goes_at):
    assert after_quiet_hours(datetime.fromisoformat(now), NEW_YORK) == datetime.fromisoformat(goes_at)


def test_a_token_is_an_id_that_only_this_installation_can_sign():
    key, link_id = link_key("ours"), new_id()
    token = token_of(key, link_id)
    assert link_id_of(key, token) == link_id
    assert len(token) <= 43
    for forged in (token_of(link_key("theirs"), link_id), token[:-1], token + "A", "", "é", "a" * 43):
        with pytest.raises(NotFound):
            link_id_of(key, forged)


def test_who_sends_is_the_mailbox_until_a_server_is_named(tmp_path):
    assert all(isinstance(one, MailboxSender) for one in senders(Settings(state=tmp_path)).values())
    by_mail = senders(Settings(state=tmp_path, smtp_url="smtps://mail", mail_from="a@example.org"))
    assert isinstance(by_mail["email"], SmtpSender)
    assert isinstance(by_mail["sms"], MailboxSender)
    for wrong in ({"email_sender": "smtp"}, {"sms_sender": "pigeon"}):
        with pytest.raises(StartupFailed):
            senders(Settings(state=tmp_path, **wrong))
