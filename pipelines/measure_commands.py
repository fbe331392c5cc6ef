"""`almoner measures conformance`, `almoner measures explain`, `almoner measures import` and `almoner measures run`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

measures = typer.Typer(no_args_is_help=True, help="Official measures (FHIR Measure and ELM packages).")
say = Console(highlight=False, soft_wrap=True)

ValueSets = Annotated[
    Path | None, typer.Option("--valuesets", help="A folder or file of value sets elsewhere.")
]
Libraries = Annotated[Path | None, typer.Option("--libraries", help="A folder of ELM libraries elsewhere.")]


@measures.command("conformance")
def conformance(
    folder: Annotated[Path, typer.Argument(help="A folder with measures, libraries, value sets and cases.")],
    valuesets: ValueSets = None,
    libraries: Libraries = None,
    measure: Annotated[list[str] | None, typer.Option(help="Only this measure; may be repeated.")] = None,
    report: Annotated[Path | None, typer.Option(help="Where to write the report as JSON.")] = None,
    details: Annotated[bool, typer.Option(help="Name every case that disagrees, and why.")] = True,
) -> None:
    """Run the official cases of a folder and tell, per measure, how many agree."""
    from pipelines.run.official_measures import conformance as run

    found = run(folder, value_sets=valuesets, libraries=libraries, only=measure or (), report=report)
    table = Table("measure", "cases", "agreeing", "disagreeing", "CPU s")
    for one in found.measures:
        missed = len(one.cases) - one.agreeing
        table.add_row(
            one.measure, str(len(one.cases)), str(one.agreeing), str(missed or ""), f"{one.seconds:.2f}"
        )
    say.print(table)
    if details:
        for one in found.measures:
            for case in (case for case in one.cases if not case.agrees):
                say.print(f"{one.measure} {case.case}", markup=False)
                for why in case.why:
                    say.print(f"    {why}", markup=False)
            if one.agreeing < len(one.cases):
                for url, what in one.cut_value_sets.items():
                    say.print(f"    {one.measure} has of {url} only {what}", markup=False)
    share = 100 * found.agreeing / found.cases if found.cases else 0
    say.print(f"{found.agreeing} of {found.cases} cases agree ({share:.2f} %).")


@measures.command("explain")
def explain(
    measure: Annotated[str, typer.Argument(help="The measure, or the beginning of its name (CMS122).")],
    define: Annotated[str | None, typer.Option(help='A definition of it, such as "Numerator".')] = None,
    folder: Annotated[Path, typer.Option(help="The folder of the package.")] = Path("measures"),
    libraries: Libraries = None,
) -> None:
    """Print a definition as the engine evaluates it: names resolved, functions written out."""
    from pipelines.run.official_measures import explain as run

    say.print(run(folder, measure, define, libraries=libraries), markup=False)


@measures.command("import")
def import_package(
    path: Annotated[Path, typer.Argument(help="A folder with measures, libraries and value sets.")],
    valuesets: ValueSets = None,
    libraries: Libraries = None,
) -> None:
    """Check a package: does every measure compile, and what is missing or not supported, and where."""
    from pipelines.run.official_measures import inspect

    found = inspect(path, value_sets=valuesets, libraries=libraries)
    table = Table("measure", "version", "runs", "missing value sets", "cut value sets", "retrieves")
    for one in found.measures:
        runs = "yes" if one.runs else "no"
        counts = (len(one.missing_value_sets), len(one.cut_value_sets), len(one.needs))
        table.add_row(one.measure, one.version, runs, *(str(count or "") for count in counts))
    say.print(table)
    for one in found.measures:
        problems = [one.problem] if one.problem else []
        problems += [f"not supported: {what} at {place}" for what, place in one.unsupported.items()]
        problems += [f"not evaluable: {name}" for name in one.not_evaluable]
        problems += [f"no value set {url}, named at {place}" for url, place in one.missing_value_sets.items()]
        problems += [f"value set {url} holds {what}" for url, what in one.cut_value_sets.items()]
        for problem in problems:
            say.print(f"{one.measure}: {problem}", markup=False)
    ready = sum(one.runs for one in found.measures)
    say.print(
        f"{ready} of {len(found.measures)} measures can run, with {found.libraries} libraries and "
        f"{found.value_sets} value sets."
    )
    if ready < len(found.measures):
        raise typer.Exit(1)


@measures.command("operators")
def operators() -> None:
    """Print docs/reference/elm-operators.md as the code has it now."""
    from pipelines.run.official_measures import operators_page

    typer.echo(operators_page(), nl=False)


@measures.command("run")
def run_measures(
    package: Annotated[Path, typer.Argument(help="A folder with measures, libraries and value sets.")],
    resources: Annotated[Path, typer.Argument(help="A folder with one NDJSON file per resource type.")],
    begin: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day of the period.")],
    end: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Last day of the period.")],
    out: Annotated[Path, typer.Option(help="Where the results and the MeasureReports go.")],
    measure: Annotated[list[str] | None, typer.Option(help="Only this measure; may be repeated.")] = None,
    individual: Annotated[bool, typer.Option(help="Also a report of each person.")] = False,
) -> None:
    """Evaluate measures over a population and write results and summary reports."""
    from pipelines.run.official_measures import Period, evaluate

    period = Period(begin.date(), end.date())
    with say.status("reading") as status:
        found = evaluate(
            package,
            resources,
            period,
            out,
            only=measure or (),
            individual=individual,
            done=lambda people: status.update(f"{people} people measured"),
        )
    table = Table("measure", "group", "initial population", "denominator", "numerator", "not evaluable")
    for one in found:
        for group in one.measure.groups:
            counts = one.counts[group.id]
            numbers = [
                sum(counts[population.id] for population in group.of(code))
                for code in ("initial-population", "denominator", "numerator")
            ]
            table.add_row(one.measure.name, group.id, *map(str, numbers), str(one.not_evaluable))
    say.print(table)
