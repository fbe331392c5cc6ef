import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="One measure, taken apart")


@app.cell
def _():
    import altair as alt
    import marimo as mo
    import polars as pl

    from data_contracts.lake import Lake
    from data_contracts.rate_statistics import wilson_rate
    from data_contracts.suppression import Cell, suppress_strata
    from ehr_core.kernel.settings import Settings

    return Cell, Lake, Settings, alt, mo, pl, suppress_strata, wilson_rate


@app.cell
def _(mo):
    mo.md("""
    # Whom do we reach less well?

    One measure, by race, ethnicity, sex and language, from the **safe-harbor** zone. Bars are 95 % Wilson intervals:
    where they overlap widely, the difference may be chance. A group is left out, and counted, when one of its counts
    (people, met, not met) is under the small-cell limit, or would give another group's small count away.
    """)
    return


@app.cell
def _(Lake, Settings):
    settings = Settings()
    lake = Lake(settings.lake_folder)
    connection = lake.open("safe_harbor")
    return connection, settings


@app.cell
def _(connection, mo):
    measures = [
        row[0]
        for row in connection.sql("SELECT DISTINCT measure_id FROM measure_results ORDER BY 1").fetchall()
    ]
    measure = mo.ui.dropdown(measures, value=measures[0], label="Measure")
    measure
    return (measure,)


@app.cell
def _(connection, measure, pl):
    counted = connection.sql(
        """
        UNPIVOT (
          SELECT coalesce(patient.race, 'not recorded') AS race,
                 coalesce(patient.ethnicity, 'not recorded') AS ethnicity,
                 coalesce(patient.sex, 'not recorded') AS sex, coalesce(patient.language, 'not recorded') AS language,
                 result.numerator
          FROM measure_results AS result JOIN patient USING (patient_key)
          WHERE result.measure_id = $measure AND result.denominator AND result.evaluable
            AND NOT result.denominator_exclusion AND NOT result.denominator_exception
        ) ON race, ethnicity, sex, language INTO NAME kind VALUE stratum
        """,
        params={"measure": measure.value},
    ).pl()
    groups = (
        counted.group_by("kind", "stratum")
        .agg(denominator=pl.len(), numerator=pl.col("numerator").sum())
        .sort("kind", "stratum")
    )
    return (groups,)


@app.cell
def _(Cell, groups, pl, settings, suppress_strata):
    def _cell(denominator, numerator):
        return Cell(
            initial_population=denominator,
            denominator=denominator,
            exclusions=0,
            exceptions=0,
            numerator=numerator,
            not_evaluable=0,
        )

    _kept = []
    for _, _rows in groups.group_by("kind", maintain_order=True):
        _cells = [_cell(n, k) for n, k in _rows.select("denominator", "numerator").iter_rows()]
        _everyone = _cell(_rows["denominator"].sum(), _rows["numerator"].sum())
        _kept += [
            cell.denominator is not None and cell.numerator is not None
            for cell in suppress_strata(_everyone, _cells, settings.small_cell)
        ]
    shown = groups.filter(pl.Series(_kept, dtype=pl.Boolean))
    left_out = groups.height - shown.height
    return left_out, shown


@app.cell
def _(pl, shown, wilson_rate):
    _counts = shown.select("numerator", "denominator").iter_rows()
    _rates = [wilson_rate(met, people) for met, people in _counts]
    rates = shown.with_columns(
        pl.Series(name, [getattr(rate, part) for rate in _rates], dtype=pl.Float64)
        for name, part in (("rate", "value"), ("low", "low"), ("high", "high"))
    )
    return (rates,)


@app.cell
def _(alt, left_out, measure, mo, rates):
    base = alt.Chart(rates.to_pandas()).encode(y=alt.Y("stratum", title=None))
    bars = base.mark_rule().encode(x=alt.X("low", title="Rate", axis=alt.Axis(format="%")), x2="high")
    points = base.mark_point(filled=True, size=60).encode(
        x="rate", tooltip=["stratum", "denominator", "rate"]
    )
    chart = (bars + points).facet(row=alt.Row("kind", title=None)).resolve_scale(y="independent")
    mo.vstack([mo.md(f"## {measure.value}"), chart, mo.md(f"{left_out} small groups are not shown.")])
    return


@app.cell
def test_rates_lie_within_their_intervals(rates):
    for low, rate, high in rates.select("low", "rate", "high").iter_rows():
        assert 0 <= low <= rate <= high <= 1


@app.cell
def test_no_small_count_is_shown(settings, shown):
    for people, met in shown.select("denominator", "numerator").iter_rows():
        assert not [count for count in (people, met, people - met) if 0 < count < settings.small_cell]


@app.cell
def test_who_is_left_out_of_a_kind_is_not_a_small_number_of_people(groups, settings, shown):
    for (kind,), rows in groups.group_by("kind"):
        everybody = rows["denominator"].sum()
        left = everybody - shown.filter(shown["kind"] == kind)["denominator"].sum()
        assert left == 0 or left >= min(settings.small_cell, everybody)


@app.cell
def test_each_person_counts_once_in_each_kind(groups):
    by_kind = {kind: rows["denominator"].sum() for (kind,), rows in groups.group_by("kind")}
    assert by_kind.keys() == {"race", "ethnicity", "sex", "language"}
    assert len(set(by_kind.values())) == 1


if __name__ == "__main__":
    app.run()
