"""Attacks on identity, sessions, policy and audit log, each against the door and against one without its guard."""

from __future__ import annotations

import itertools
from datetime import timedelta

import psycopg
import pyotp
import pytest

from data_contracts.api.access import NewChartRule
from data_contracts.api.account import ChangeAccount
from ehr_core.access import audit_chain, identity, second_factor, throttle, unit_of_work
from ehr_core.access.audit_chain import verify
from ehr_core.access.identity import Identity
from ehr_core.access.sign_in import SignIn
from ehr_core.api import errors
from ehr_core.api.smart import authorize, step_pages, ticket
from ehr_core.kernel.errors import Forbidden, NotFound, SignInRequired
from ehr_core.store import visible
from ehr_core.store.repository import Store
from tests.lib.api import running_api
from tests.lib.sign_in import SignInFlow, ticket_of
from tests.lib.weakened import assert_guarded


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        with running.work() as work:
            Store(work).create(
                "Patient", {"resourceType": "Patient", "name": [{"family": "Rivera"}]}, id="ana"
            )
        yield running


@pytest.fixture
def code(api):
    """Makes codes of Chen's second factor, each of a step of its own."""
    client = api.signed_in("chen", "clinician")
    generator = pyotp.TOTP(client.account.enrol_totp().secret)

    def next_code() -> str:
        api.clock.instant += timedelta(seconds=30)
        return generator.at(api.clock.now())

    client.account.confirm_totp(next_code())
    return next_code


def is_in(answer) -> bool:
    """Does the answer carry a code to fetch a session with?"""
    return answer.status_code == 303 and "code=" in answer.headers["location"]


def works(act, *refusals) -> bool:
    try:
        act()
    except refusals:
        return False
    return True


def test_the_second_factor_cannot_be_walked_around(api, code):
    """By posting a later step with the ticket of the page that asks for the code."""

    def attack() -> bool:
        flow = SignInFlow(api)
        page = flow.submit(flow.open_page(), "chen")
        return is_in(flow.browser.post("/auth/authorize/kept", data={"ticket": ticket_of(page)}))

    def any_step(request, parts, sealed, step):
        binding = request.cookies[authorize.COOKIE]
        return binding, authorize.read_ticket(
            authorize.ticket_seal(parts), sealed, binding=binding, now=parts.clock.now()
        )

    assert_guarded(attack, lambda patch: patch.setattr(authorize, "this_step", any_step))


def test_codes_cannot_be_guessed_at_or_seen_and_used_again(api, code):
    def guess_on() -> bool:
        """Six wrong codes, then the right one: does it still open?"""
        flow = SignInFlow(api)
        page = flow.submit(flow.open_page(), "chen")
        for _ in range(6):
            flow.submit_code(page, "000000")
        opened = is_in(flow.submit_code(page, code()))
        api.clock.instant += timedelta(minutes=20)
        return opened

    assert_guarded(guess_on, lambda patch: patch.setattr(throttle, "may_try", lambda failures: True))

    def replay() -> bool:
        seen, answers = code(), []
        for _ in range(2):
            flow = SignInFlow(api)
            answers.append(is_in(flow.submit_code(flow.submit(flow.open_page(), "chen"), seen)))
        api.clock.instant += timedelta(minutes=20)
        return answers == [True, True]

    accepted = second_factor.totp.accepted_step
    assert_guarded(
        replay,
        lambda patch: patch.setattr(
            second_factor.totp,
            "accepted_step",
            lambda secret, given, *, now, last_step: accepted(secret, given, now=now, last_step=0),
        ),
    )


def test_passwords_cannot_be_guessed_at(api):
    api.account("kim", "nurse")

    def guess_on() -> bool:
        flow = SignInFlow(api)
        for number in range(6):
            flow.submit(flow.open_page(), "kim", f"wrong password {number}")
        opened = is_in(flow.submit(flow.open_page(), "kim"))
        api.clock.instant += timedelta(minutes=20)
        return opened

    assert_guarded(guess_on, lambda patch: patch.setattr(throttle, "may_try", lambda failures: True))


def test_nobody_learns_who_has_an_account(api):
    api.account("kim", "nurse")

    def tells_apart() -> bool:
        flow = SignInFlow(api)
        answers = [flow.submit(flow.open_page(), name, "wrong password here") for name in ("kim", "nobody")]
        pages = [
            answer.text.replace(ticket_of(answer), "").partition("data-options")[0] for answer in answers
        ]
        return pages[0] != pages[1] or answers[0].status_code != answers[1].status_code

    refuse = SignIn._refuse

    def telling(self, account, reason, address, sentence, error=SignInRequired):
        refuse(self, account, reason, address, sentence if account else "There is no such account.", error)

    assert_guarded(tells_apart, lambda patch: patch.setattr(SignIn, "_refuse", telling))


def test_a_sign_in_cannot_be_begun_by_somebody_else(api):
    """Session fixation: the attacker's page in the victim's browser."""
    api.account("kim", "nurse")

    def attack() -> bool:
        attacker, victim = SignInFlow(api), SignInFlow(api)
        victim.open_page()
        return is_in(victim.submit(attacker.open_page(), "kim"))

    read, write = ticket.read_ticket, ticket.write_ticket

    def unbound(patch) -> None:
        patch.setattr(
            authorize,
            "read_ticket",
            lambda seal, text, *, binding, now: read(seal, text, binding="x", now=now),
        )
        patch.setattr(
            step_pages,
            "write_ticket",
            lambda seal, made, *, binding, now: write(seal, made, binding="x", now=now),
        )

    assert_guarded(attack, unbound)


def test_a_session_ends_by_time_by_hand_and_with_its_account(api):
    numbers = itertools.count()

    def after(end) -> bool:
        """Does a session still work after this?"""
        account = api.account(f"kim-{next(numbers)}", "nurse")
        sid = api.session(account)
        kim = api.client_of(sid)
        kim.fhir.read("Patient", "ana")
        end(account, sid)
        return works(lambda: kim.fhir.read("Patient", "ana"), SignInRequired)

    def idle(account, sid):
        api.clock.instant += timedelta(minutes=31)

    def revoked(account, sid):
        with api.parts.identity.transaction() as connection:
            identity.sessions.end_session(connection, sid, why="revoked", now=api.clock.now())

    def closed(account, sid):
        with api.work() as work:
            work.connection.exec_driver_sql(
                "UPDATE access.account SET disabled = true WHERE id = %s", (account,)
            )

    for end in (revoked, closed, idle):
        assert_guarded(
            lambda end=end: after(end),
            lambda patch: patch.setattr(identity, "why_session_ended", lambda facts, *, now, idle: None),
        )


def test_a_role_that_is_taken_away_is_gone_in_open_sessions(api):
    root = api.signed_in("root", "admin")
    account = api.account("kim", "admin")
    kim = api.client_of(api.session(account))
    assert kim.account.accounts()
    root.account.change(account, ChangeAccount(roles=["analyst"]))
    assert_guarded(
        lambda: works(kim.account.accounts, Forbidden),
        lambda patch: patch.setattr(Identity, "_roles", lambda self, session: ("admin",)),
    )


def test_an_explicit_deny_beats_every_allowance(api):
    root, nurse_id = api.signed_in("root", "admin"), api.account("kim", "nurse")
    nurse = api.client_of(api.session(nurse_id))
    for effect, kind, subject in (("allow", "account", nurse_id), ("deny", "role", "nurse")):
        root.access.make_rule(
            NewChartRule(
                patient_id="ana",
                effect=effect,
                subject_kind=kind,
                subject=subject,
                asked_by="patient",
                reason="Asked",
            )
        )

    def first_wall_gone(patch) -> None:
        patch.setattr(visible, "rows_open_to", lambda actor, table, **more: None)

    def both_walls_gone(patch) -> None:
        first_wall_gone(patch)
        patch.setattr(unit_of_work, "walls_of", lambda actor, now: None)

    def attack() -> bool:
        return works(lambda: nurse.fhir.read("Patient", "ana"), NotFound)

    assert_guarded(attack, both_walls_gone)
    with pytest.MonkeyPatch.context() as patch:
        first_wall_gone(patch)
        assert not attack(), "the database alone keeps it shut"


def test_a_refusal_leaves_its_row_although_the_act_is_rolled_back(api):
    nurse, root = api.signed_in("kim", "nurse"), api.signed_in("root", "admin")

    def unseen() -> bool:
        before = root.audit.page(outcome="refused").page.total
        assert not works(nurse.account.accounts, Forbidden)
        return root.audit.page(outcome="refused").page.total == before

    assert_guarded(unseen, lambda patch: patch.setattr(errors, "audit_refusal", lambda *given, **more: None))


def test_a_changed_audit_row_is_noticed(api, admin_url):
    with api.work() as work:
        for number in range(5):
            work.audit("read", resource_type="Observation", resource_id=f"o{number}", patient_id="ana")
    with psycopg.connect(admin_url.replace("+psycopg", "")) as connection:
        connection.execute("ALTER TABLE audit.event DISABLE TRIGGER ALL")
        connection.execute("UPDATE audit.event SET patient_id = 'ben' WHERE resource_id = 'o2'")
        connection.execute("ALTER TABLE audit.event ENABLE TRIGGER ALL")

    def unnoticed() -> bool:
        with api.work() as work:
            return verify(work.connection, {}).is_whole

    assert_guarded(unnoticed, lambda patch: patch.setattr(audit_chain, "_follow", lambda *given: None))
