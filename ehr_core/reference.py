"""Tells settings, permissions and commands as pages of the docs, from what the code itself says."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer
from pydantic.fields import FieldInfo

from ehr_core.access.roles import PATIENT_ROLES, SERVICE_ROLES, permissions_by_role
from ehr_core.kernel.settings import Settings, variable_name

SETTINGS_HEAD = """# Settings

Every setting of Almoner is an environment variable. There is no settings file: what is not set has the default here.

This page is written by `almoner reference settings` from `ehr_core/kernel/settings.py`; a test holds it to the class.

| variable | default | meaning |
| --- | --- | --- |
"""
PERMISSIONS_HEAD = """# Roles and permissions

A role gives the permissions listed here and nothing else; what no role of an actor gives is refused, and the refusal
is an audit row. Whose records somebody may touch is decided apart from this: the column `charts` says how far a role
reaches before any rule about a patient (see [closed charts](../how-to/close-and-open-charts.md)), and `labels` which
sensitive labels it sees. A site may say otherwise of either with `almoner access role`.

This page is written by `almoner reference permissions` from `ehr_core/access/roles.toml`; a test holds it to the file.
"""
FIELDS_HEAD = """
## Minimum necessary by field

What these roles read of each type over FHIR; every other role with `fhir.read` reads whole resources. A type that is
not listed is not there for them, an element that is not listed is cut out (the answer says SUBSETTED), and a search by
a parameter that is not listed is refused. From `ehr_core/access/field_sets.toml`.
"""
COMMANDS_HEAD = """# Commands

`make up` and `make test` are all that a newcomer needs; they call these. Failures are one sentence on standard error
with the exit code of their class (`ehr_core/kernel/errors.py`).

This page is written by `almoner reference commands`; a test holds it to the commands.
"""


def settings_page() -> str:
    rows = [_setting(name, field) for name, field in Settings.model_fields.items()]
    return SETTINGS_HEAD + "\n".join(rows) + "\n"


def permissions_page() -> str:
    roles = tomllib.loads(files("ehr_core.access").joinpath("roles.toml").read_text(encoding="utf-8"))
    lines = [PERMISSIONS_HEAD, "## Roles", "", "| role | for | charts | labels | why |", "| --- " * 5 + "|"]
    lines += [
        f"| `{name}` | {_kind(name)} | {role.get('reach', '')} | {_labels(role)} | {role['why']} |"
        for name, role in roles.items()
    ]
    lines += ["", "## Permissions", "", "| permission | given to |", "| --- | --- |"]
    given = permissions_by_role()
    for permission in sorted({one for granted in given.values() for one in granted}):
        holders = ", ".join(f"`{name}`" for name in roles if permission in given[name])
        lines.append(f"| `{permission}` | {holders} |")
    lines += [FIELDS_HEAD, "| role | type | elements | searches | why |", "| --- " * 5 + "|"]
    lines += [
        f"| `{role}` | {name} | {', '.join(one['elements'])} | {', '.join(one['searches'])} | {one['why']} |"
        for role, types in _field_sets().items()
        for name, one in types.items()
    ]
    return "\n".join(lines) + "\n"


def _field_sets() -> dict[str, Any]:
    return tomllib.loads(files("ehr_core.access").joinpath("field_sets.toml").read_text(encoding="utf-8"))


def commands_page(app: typer.Typer) -> str:
    """Every command of the app with its arguments and options."""
    group = typer.main.get_group(app)
    with typer.Context(group, info_name="almoner") as context:
        sections = list(_commands(group, context, "almoner"))
    return "\n".join([COMMANDS_HEAD, *sections])


def _setting(name: str, field: FieldInfo) -> str:
    default = "not set" if field.default is None else f"`{field.default}`"
    return f"| `{variable_name(name, field)}` | {default} | {field.description}{_one_of(field.annotation)} |"


def _labels(role: dict[str, Any]) -> str:
    """The sensitive labels that a role sees; nothing for proxies and services, who have none to be given."""
    sees = role.get("sees")
    return (
        "" if sees is None else "all" if "*" in sees else ", ".join(f"`{label}`" for label in sees) or "none"
    )


def _kind(role: str) -> str:
    return "services" if role in SERVICE_ROLES else "patients" if role in PATIENT_ROLES else "staff"


def _commands(group: Any, context: Any, path: str) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command.hidden:
            continue
        if hasattr(command, "list_commands"):
            yield from _commands(command, context, f"{path} {name}")
        else:
            yield _command(command, f"{path} {name}")


def _command(command: Any, path: str) -> str:
    asked = [one for one in command.params if one.name != "help"]
    arguments = [one for one in asked if one.param_type_name == "argument"]
    words = "".join(f" {_shown(one.name.upper(), one.required)}" for one in arguments)
    lines = [f"## {path}", "", f"`{path}{words}{' [OPTIONS]' if len(asked) > len(arguments) else ''}`", ""]
    lines += [" ".join((command.help or "").split()), ""]
    kinds = get_type_hints(inspect.unwrap(command.callback))
    lines += [f"- {_parameter(one, kinds.get(one.name))}" for one in asked]
    return "\n".join(lines).rstrip() + "\n"


def _shown(name: str, required: bool) -> str:
    return name if required else f"[{name}]"


def _parameter(one: Any, kind: Any) -> str:
    is_argument = one.param_type_name == "argument"
    name = one.name.upper() if is_argument else ", ".join((*one.opts, *one.secondary_opts))
    told = " ".join((one.help or "").split())
    required = " Required." if one.required and not is_argument else ""
    plain = one.default is not None and not callable(one.default) and one.default not in (False, (), [])
    default = f" Default: {one.default}." if plain else ""
    return f"`{name}` {told}{required}{default}{_one_of(kind)}".rstrip()


def _one_of(kind: Any) -> str:
    """The choices of a Literal type; nothing for any other."""
    if get_origin(kind) is not Literal:
        return ""
    return f" One of {', '.join(f'`{choice}`' for choice in get_args(kind))}."
