"""The embedded server's data folder: made by initdb, configured, and read (version, running process)."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ehr_core.db.server_account import Account
from ehr_core.db.server_failures import explain
from ehr_core.db.server_programs import Programs

SUPERUSER = "almoner"
CONFIGURATION = "almoner.conf"
# Small enough for a laptop, large enough for a clinic; a site changes them in postgresql.conf below our include.
SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "password_encryption": "'scram-sha-256'",
    "max_connections": "100",
    "shared_buffers": "'128MB'",
    "work_mem": "'16MB'",
    "maintenance_work_mem": "'128MB'",
    "min_wal_size": "'80MB'",
    "max_wal_size": "'2GB'",
    "checkpoint_timeout": "'15min'",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    # No patient data in logs: neither statements, nor their parameters, nor the key values of a DETAIL line.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
HOST_RULES = """# Passwords only, from this machine only.
host all         all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""


def environment() -> dict[str, str]:
    """A plain environment: messages in English for `explain`, no PG… variable of the caller's."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def switch_arguments(account: Account) -> dict[str, object]:
    """The arguments of subprocess that change to the server's account, when we are root."""
    if not account.switch:
        return {}
    return {"user": account.user_id, "group": account.group_id, "extra_groups": []}


def make_data_folder(
    data: Path, programs: Programs, account: Account, *, password: str, durable: bool, port: int, log: Path
) -> None:
    """Runs initdb beside `data` and renames the result, so an interrupted one never looks complete."""
    draft = data.with_name(f"{data.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    account.hand_over(draft)
    password_file = data.with_name(f".password-{secrets.token_hex(4)}")
    descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(password)
    account.hand_over(password_file)
    options = [
        "--data-checksums",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-instructions",
    ]
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--username={SUPERUSER}"]
    options += [] if durable else ["--no-sync"]
    try:
        with log.open("ab") as output:
            start = output.tell()
            done = subprocess.run(
                [programs.path("initdb"), *options, f"--pwfile={password_file}", f"--pgdata={draft}"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment(),
                cwd="/",
                check=False,
                **switch_arguments(account),
            )
    finally:
        password_file.unlink()
    if done.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise explain(log.read_bytes()[start:].decode(errors="replace"), folder=data, port=port, log=log)
    (draft / "pg_hba.conf").write_text(HOST_RULES)
    with (draft / "postgresql.conf").open("a") as file:
        file.write(f"\ninclude '{CONFIGURATION}'\n")
    draft.rename(data)


def write_configuration(data: Path, account: Account, *, durable: bool) -> None:
    settings = SETTINGS if durable else SETTINGS | NOT_DURABLE
    path = data / CONFIGURATION
    lines = [f"{name} = {value}" for name, value in settings.items()]
    path.write_text("# Written by Almoner at each start.\n" + "\n".join(lines) + "\n")
    os.chmod(path, 0o600)
    account.hand_over(path)


@dataclass(frozen=True)
class RunningServer:
    process_id: int
    port: int
    ready: bool


def running_server(data: Path) -> RunningServer | None:
    """The server that runs on this data, or None; a pid file left by a dead process, or whose pid now belongs to
    another program, is stale and does not count."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 4 or not lines[0].strip().isdigit() or not lines[3].strip().isdigit():
        return None
    process_id = int(lines[0])
    if not _is_postgres_on(process_id, data):
        return None
    ready = len(lines) >= 8 and lines[7].strip() == "ready"
    return RunningServer(process_id, int(lines[3]), ready)


def _is_postgres_on(process_id: int, data: Path) -> bool:
    """A PostgreSQL works inside its data folder and names it on its command line; Linux tells both."""
    try:
        return os.path.samefile(f"/proc/{process_id}/cwd", data)
    except PermissionError:
        return _names_data(Path(f"/proc/{process_id}/cmdline").read_bytes().decode(errors="replace"), data)
    except OSError:
        if Path("/proc/self").exists():
            return False
    listed = subprocess.run(
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(process_id)],
        capture_output=True,
        text=True,
        check=False,
    )
    return _names_data(listed.stdout, data)


def _names_data(command_line: str, data: Path) -> bool:
    return "postgres" in command_line and str(data) in command_line


def remove_stale_pid_file(data: Path) -> None:
    if running_server(data) is None:
        (data / "postmaster.pid").unlink(missing_ok=True)
