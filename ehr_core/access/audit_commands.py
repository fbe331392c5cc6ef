"""`almoner audit …`: is the log as it was written, and a seal of it outside the database."""

from __future__ import annotations

import typer

from ehr_core.access.commands import operator_work, say
from ehr_core.kernel.errors import Conflict

commands = typer.Typer(no_args_is_help=True, help="The audit log: verify its chains, seal their ends.")


@commands.command("verify")
def verify_log() -> None:
    """Compute every chain again and compare it with the seals. Fails when a row was changed, taken out or moved."""
    from ehr_core.access.audit_chain import MOST_TOLD, verify

    with operator_work("audit.read") as work:
        verdict = verify(work.connection, _seals().read())
        work.audit("audit_verified", detail={"rows": verdict.rows, "broken": len(verdict.broken)})
    say.print(
        f"{verdict.rows:,} rows of {verdict.writers:,} writers, {verdict.sealed:,} of them sealed.",
        markup=False,
    )
    for told in verdict.broken[:MOST_TOLD]:
        say.print(told, markup=False)
    if not verdict.is_whole:
        raise Conflict("The audit log is not as it was written. Keep the database as it is and look into it.")
    say.print("The audit log is as it was written.", markup=False)


@commands.command("seal")
def seal_log() -> None:
    """Seal the chains that grew since the last seal (the API does it every minute)."""
    from ehr_core.kernel.clock import SystemClock

    with operator_work("audit.read") as work:
        grown = _seals().add(work.connection, SystemClock())
    say.print(f"{grown:,} chains sealed.", markup=False)


def _seals():
    from ehr_core.access.audit_seals import Seals
    from ehr_core.kernel.secrets import load_or_create_secrets
    from ehr_core.kernel.settings import Settings

    settings = Settings()
    secrets = load_or_create_secrets(settings.state_folder)
    return Seals(settings.state_folder, secrets.token_signing_key)
