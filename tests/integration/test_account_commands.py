"""`almoner account …` as an operator types it: the way into an installation where nobody can sign in yet."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from ehr_core.cli import app
from ehr_core.kernel.errors import BadRequest, Conflict, NotFound
from ehr_core.kernel.secrets import FILE_NAME
from tests.lib import postgres
from tests.lib.api import running_api
from tests.lib.sign_in import SignInFlow, answer_of, ticket_of

OWN = "only the owner knows this"


@pytest.fixture
def almoner(database_url, tmp_path, monkeypatch):
    """Runs a command against the test's own database; failures come through as they are raised."""
    (tmp_path / FILE_NAME).write_text(postgres.TEST_SECRETS.model_dump_json())
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url[0])
    monkeypatch.setenv("ALMONER_ENVIRONMENT", "production")

    def run(*words: str, typed: str = "") -> str:
        result = CliRunner().invoke(app, ["account", *words], input=typed)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return run


@pytest.fixture
def api(database, tmp_path, almoner):
    with running_api(database, tmp_path) as running:
        yield running


ROBIN = ("create", "Robin", "--name", "Robin Ashby", "--role", "admin")


def test_a_typed_password_opens_the_first_account(almoner, api):
    said = almoner(*ROBIN, "--role", "analyst", typed=f"{OWN}\n{OWN}\n")
    assert "The account 'robin' is made: admin, analyst." in said
    assert OWN not in said
    assert SignInFlow(api).code_for("robin", OWN)


def test_a_password_from_standard_input_opens_it_too(almoner, api):
    almoner(*ROBIN, "--password-from-input", typed=f"{OWN}\n")
    assert SignInFlow(api).code_for("robin", OWN)


def test_a_generated_password_is_shown_once_and_replaced_at_the_first_sign_in(almoner, api):
    said = almoner(*ROBIN, "--generate-password")
    password = re.search(r"Password for the first sign-in: (\S{20})", said)[1]
    api.clock.instant = datetime.now(UTC)  # that of the command line, which made the password
    flow = SignInFlow(api)
    page = flow.submit(flow.open_page(), "robin", password)
    form = {"ticket": ticket_of(page), "password": OWN, "again": OWN}
    assert answer_of(flow.browser.post("/auth/authorize/new-password", data=form))["code"]
    assert password not in almoner("list")


def test_every_act_is_audited_under_the_operators_name(almoner, api):
    almoner(*ROBIN, "--generate-password")
    almoner("password", "robin", "--generate-password")
    almoner("without-second-factor", "robin")
    almoner("close", "robin")
    assert "robin · Robin Ashby · admin · closed" in almoner("list")
    with api.work() as work:
        rows = work.connection.exec_driver_sql(
            "SELECT act, starts_with(actor_id, 'operator:') FROM audit.event ORDER BY at, id"
        ).all()
    assert all(by_operator for _, by_operator in rows)
    assert [act for act, _ in rows] == [
        "account_created",
        "account_password_set",
        "second_factor_reset",
        "account_disabled",
        "accounts_listed",
    ]


def test_a_closed_account_and_a_changed_password_end_open_sessions(almoner, api):
    almoner(*ROBIN, "--password-from-input", typed=f"{OWN}\n")
    sid = api.session(account_of(api, "robin"))
    assert api.client_of(sid).account.me().name == "Robin Ashby"
    almoner("password", "robin", "--password-from-input", typed="another long password\n")
    answer = SignInFlow(api).session_token(sid)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("words", "typed", "error", "said"),
    [
        (
            ("create", "x", "--name", "X", "--role", "king", "--generate-password"),
            "",
            BadRequest,
            "role 'king'",
        ),
        (
            ("create", "x", "--name", "X", "--role", "patient", "--generate-password"),
            "",
            BadRequest,
            "patient's id",
        ),
        ((*ROBIN, "--password-from-input"), "short\n", BadRequest, "12 to 256"),
        ((*ROBIN, "--password-from-input", "--generate-password"), "", BadRequest, "not both"),
        (("close", "nobody"), "", NotFound, "no account 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(almoner, words, typed, error, said):
    with pytest.raises(error, match=said):
        almoner(*words, typed=typed)


def test_a_name_that_is_taken_is_refused_and_closing_is_all_or_nothing(almoner, api):
    almoner(*ROBIN, "--generate-password")
    with pytest.raises(Conflict, match="is taken"):
        almoner(*ROBIN, "--generate-password")
    with pytest.raises(NotFound):
        almoner("close", "robin", "nobody")
    assert "closed" not in almoner("list")


def account_of(api, username: str) -> str:
    with api.work() as work:
        return work.connection.exec_driver_sql(
            "SELECT id FROM access.account WHERE username = %s", (username,)
        ).scalar_one()
