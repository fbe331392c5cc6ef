"""A Spark job: our own measures from a snapshot's flat tables, or official ones from a folder of resources.

`spark-submit … pipelines/run/on_spark.py own FLAT OUT --as-of DAY` or
`… official PACKAGE RESOURCES OUT --begin DAY --end DAY`; docs/how-to/measure-on-a-cluster.md says what a cluster needs.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_contracts.guidelines.facts import gather_facts
from data_contracts.tables.flat import FLAT_TABLES
from data_contracts.tables.results import MEASURE_RESULTS, RECOMMENDATION_RESULTS
from pipelines import measures, recommendations
from pipelines.measures.elm.results import Period
from pipelines.measures.spark.official import official_results
from pipelines.measures.spark.workbench import SparkWorkbench

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

job = typer.Typer(no_args_is_help=True, help="Measures on Spark.")
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])]


@job.command("own")
def own(
    flat: Annotated[str, typer.Argument(help="A folder with the flat tables of a snapshot, as Parquet.")],
    out: Annotated[str, typer.Argument(help="Where results and the tables between go.")],
    as_of: Day,
    zone: Annotated[str, typer.Option(help="The site's time zone.")] = "UTC",
) -> None:
    """Evaluate our own measures and recommendations."""
    evaluate_own(_session(zone), flat, out, as_of)


def evaluate_own(session: SparkSession, flat: str, out: str, as_of: datetime) -> SparkWorkbench:
    """Makes the results of both as tables of the session, each kept in the folder `out` under its name."""
    tables = SparkWorkbench(session, out)
    for table in FLAT_TABLES:
        tables.open(table.name, f"{flat}/{table.name}.parquet")
    facts = gather_facts(tables)
    measures.evaluate(tables, as_of=as_of.date(), facts=facts)
    recommendations.evaluate(tables, as_of=as_of.date(), facts=facts)
    return tables


@job.command("official")
def official(
    package: Annotated[Path, typer.Argument(help="A folder with measures, libraries and value sets.")],
    resources: Annotated[
        str, typer.Argument(help="A folder with NDJSON files, one or more per resource type.")
    ],
    out: Annotated[str, typer.Argument(help="Where the rows of the results go, as Parquet.")],
    begin: Day,
    end: Day,
    measure: Annotated[list[str] | None, typer.Option(help="Only this measure; may be repeated.")] = None,
    partitions: Annotated[int, typer.Option(help="Into how many parts the people are spread.")] = 200,
) -> None:
    """Evaluate official measures."""
    period = Period(begin.date(), end.date())
    found = official_results(
        _session("UTC"), package, resources, period, only=measure or (), partitions=partitions
    )
    found.write.mode("overwrite").parquet(f"{out}/{MEASURE_RESULTS.name}")


def _session(zone: str) -> SparkSession:
    from pyspark.sql import SparkSession

    return SparkSession.builder.appName("almoner").config("spark.sql.session.timeZone", zone).getOrCreate()


RESULTS = (MEASURE_RESULTS, RECOMMENDATION_RESULTS)
"""What `own` makes."""

if __name__ == "__main__":
    job()
