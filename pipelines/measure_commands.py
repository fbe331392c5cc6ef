"""`almoner measures …`: official packages judged, imported, made active, explained, run and held to their cases."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

if TYPE_CHECKING:
    from data_contracts.api.official_measures import KeptMeasures
    from ehr_core.client import AlmonerClient
    from pipelines.run.importing import Judged

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
    for one in found.unjudged:
        say.print(f"Cannot be judged: {one.place}: {one.why}", markup=False)
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
    path: Annotated[Path, typer.Argument(help="A package: a folder, a .zip or .tgz, or a file.")],
    valuesets: ValueSets = None,
    libraries: Libraries = None,
    measure: Annotated[list[str] | None, typer.Option(help="Only this measure; may be repeated.")] = None,
    check_only: Annotated[bool, typer.Option("--check", help="Judge it and keep nothing.")] = False,
    activate: Annotated[bool, typer.Option("--activate", help="Make its measures active at once.")] = False,
) -> None:
    """Check a package, tell what is missing or not supported and where, and keep it. A bad one changes nothing."""
    from pipelines.run.importing import import_package as keep
    from pipelines.run.importing import judge

    judged = judge(path, value_sets=valuesets, libraries=libraries, only=measure or ())
    _tell_judged(judged)
    if judged.problems:
        say.print(f"{len(judged.problems)} problems: nothing was imported.")
        raise typer.Exit(1)
    if check_only:
        return
    kept = keep(_client(), judged, path.name, activated=activate)
    active = sum(one.active for one in kept.measures)
    say.print(f"Imported. {active} of the {len(kept.measures)} imported measures are active.")
    if not activate:
        say.print("Make one active with `almoner measures activate NAME`.")


def _tell_judged(judged: Judged) -> None:
    table = Table("measure", "version", "runs", "missing value sets", "cut value sets", "retrieves")
    for one in judged.surveys:
        runs = "yes" if one.runs and not one.missing_value_sets else "no"
        counts = (len(one.missing_value_sets), len(one.cut_value_sets), len(one.needs))
        table.add_row(one.measure, one.version, runs, *(str(count or "") for count in counts))
    say.print(table)
    for word, lines in (("note", judged.notes), ("problem", judged.problems)):
        for line in lines:
            say.print(f"{word}: {line}", markup=False)
    ready = sum(one.runs and not one.missing_value_sets for one in judged.surveys)
    say.print(
        f"{ready} of {len(judged.surveys)} measures can run, with {judged.libraries} libraries and "
        f"{judged.value_sets} value sets."
    )


@measures.command("list")
def list_measures() -> None:
    """Tell the official measures that were imported, and which are active."""
    _tell_kept(_client().quality.official())


@measures.command("activate")
def activate_measures(
    names: Annotated[list[str], typer.Argument(help="Measures as `almoner measures list` names them.")],
    version: Annotated[
        str | None, typer.Option(help="Which imported version; the newest import unless given.")
    ] = None,
    begin: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day on which it is run.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Last day on which it is run.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the audit log and the measure's page.")] = "",
) -> None:
    """Make official measures active: the next night and the worker go by them, without a restart."""
    from pipelines.run.importing import activate

    versions = dict.fromkeys(names, version) if version else None
    days = {"active_from": begin and begin.date(), "active_until": end and end.date()}
    _tell_kept(activate(_client(), names, versions=versions, reason=reason, **days))


@measures.command("deactivate")
def deactivate_measures(
    names: Annotated[list[str], typer.Argument(help="Measures as `almoner measures list` names them.")],
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "",
) -> None:
    """Make official measures no longer active: their gaps go at once."""
    from pipelines.run.importing import activate

    _tell_kept(activate(_client(), names, active=False, reason=reason))


@measures.command("check-uploads")
def check_uploads() -> None:
    """Check what was uploaded at the screen and waits; the worker does this by itself."""
    from pipelines.run.uploads import check_waiting

    checked = check_waiting(_client(), say.print)
    say.print(f"{checked} uploads checked.")


def _tell_kept(kept: KeptMeasures) -> None:
    table = Table("measure", "version", "title", "active", "imported", "by")
    for one in kept.measures:
        measure = one.measure
        when = one.imported_at.date().isoformat()
        table.add_row(
            measure.measure_id,
            measure.version,
            measure.title,
            "yes" if one.active else "",
            when,
            one.imported_by,
        )
    say.print(table)


def _client() -> AlmonerClient:
    from ehr_core.kernel.settings import Settings
    from pipelines.run.nightly import pipeline_client

    return pipeline_client(Settings())


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
    workers: Annotated[int, typer.Option(min=1, help="Processes; each takes about two gigabytes.")] = 1,
) -> None:
    """Evaluate measures over a population and write results and summary reports."""
    from data_contracts.measure_scores import score_words
    from pipelines.run.official_measures import Period, evaluate

    period = Period(begin.date(), end.date())
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=say) as progress:
        task = progress.add_task("people", total=None)
        found = evaluate(
            package,
            resources,
            period,
            out,
            only=measure or (),
            individual=individual,
            workers=workers,
            done=lambda people, of: progress.update(task, completed=people, total=of),
        )
    headings = ("initial population", "denominator", "numerator", "not evaluable", "score")
    table = Table("measure", "group", *headings)
    for one in found:
        scores = one.scores()
        for group in one.measure.groups:
            counts = one.counts[group.id].members
            numbers = [
                sum(counts[population.id] for code in codes for population in group.of(code))
                for codes in (
                    ("initial-population",),
                    ("denominator", "measure-population"),
                    ("numerator",),
                )
            ]
            said = score_words(group.scoring, scores[group.id], group.unit)
            table.add_row(one.measure.name, group.id, *map(str, numbers), str(one.not_evaluable), said)
    say.print(table)
