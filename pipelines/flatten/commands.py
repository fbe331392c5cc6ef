"""`almoner views check` and `almoner views run`: ViewDefinitions of SQL on FHIR over a folder of NDJSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ehr_core.kernel.errors import BadRequest, InvalidResource

views = typer.Typer(no_args_is_help=True, help="Tables by SQL-on-FHIR ViewDefinitions.")
View = Annotated[Path, typer.Argument(help="The ViewDefinition, a JSON file.", metavar="VIEW.json")]


@views.command("check")
def check(view: View) -> None:
    """Tell what the view gives, or all that is wrong with it, each by the element where it stands."""
    from pipelines.flatten.standard import compile_standard

    document = _read(view)
    try:
        compiled = compile_standard(document)
    except InvalidResource as refusal:
        for issue in refusal.issues:
            typer.echo(f"{view.name}: {issue.expression}: {issue.message}", err=True)
        raise typer.Exit(refusal.exit_code) from None
    typer.echo(
        f"{view.name} is understood: a row of {len(compiled.columns)} columns ({', '.join(compiled.columns)}) "
        f"from {compiled.used.type_name} lines."
    )


@views.command("run")
def run(
    view: View,
    source: Annotated[
        Path, typer.Option("--from", help="A folder with files such as Patient.ndjson (also .gz, .zst).")
    ],
    target: Annotated[Path, typer.Option("--to", help="The file to write: .parquet or .csv.")],
) -> None:
    """Write the rows of the view to a file that only its owner may read."""
    from pipelines.flatten.standard import run_view

    rows = run_view(_read(view), source, target)
    typer.echo(f"{rows} rows in {target}.")


def _read(path: Path) -> Any:
    """Raises BadRequest for what is no JSON, with the line."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadRequest(f"There is no file '{path}'.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise BadRequest(f"'{path.name}' is no JSON{where}.") from None
