import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Population overview")


@app.cell
def _():
    import altair as alt
    import marimo as mo
    import polars as pl

    from data_contracts.lake import Lake
    from data_contracts.rate_statistics import wilson_rate
    from data_contracts.suppression import suppress_counts
    from ehr_core.kernel.settings import Settings

    return Lake, Settings, alt, mo, pl, suppress_counts, wilson_rate


@app.cell
def _(mo):
    mo.md("""
    # Who are our patients?

    This notebook reads the **safe-harbor** zone only: all eighteen HIPAA identifier kinds are removed, dates are
    years, ages over 89 are one group. Counts under the site's small-cell limit are empty, and with them so many others
    that no hidden one can be worked out from the rest.
    """)
    return


@app.cell
def _(Lake, Settings):
    settings = Settings()
    lake = Lake(settings.lake_folder)
    manifest = lake.current("safe_harbor")
    connection = lake.open("safe_harbor")
    return connection, manifest, settings


@app.cell
def _(manifest, mo):
    mo.md(
        f"Snapshot **{manifest.snapshot_id}**, as of **{manifest.as_of:%d-%b-%Y}**, profile `{manifest.profile}`, "
        f"code version `{manifest.code_version}`."
    )
    return


@app.cell
def _(pl, settings, suppress_counts):
    def suppressed(frame):
        """Hidden counts become null: unknown to the reader, not zero."""
        people = suppress_counts(frame["people"].to_list(), settings.small_cell)
        return frame.with_columns(pl.Series("people", people, dtype=pl.Int64))

    return (suppressed,)


@app.cell
def _(connection, manifest, suppressed):
    ages = connection.sql(
        f"""
        SELECT CASE WHEN birth_low IS NULL THEN 'not recorded, or 90 and over'
                    ELSE printf('%02d to %02d', age // 10 * 10, age // 10 * 10 + 9) END AS age_band,
               coalesce(sex, 'not recorded') AS sex, count(*) AS people
        FROM (SELECT *, {manifest.as_of.year} - year(birth_low) AS age FROM patient)
        GROUP BY ALL ORDER BY ALL
        """
    ).pl()
    age_bands = suppressed(ages)
    return age_bands, ages


@app.cell
def _(age_bands, alt, mo):
    mo.vstack(
        [
            mo.md("## 1. How old are they?"),
            alt.Chart(age_bands.to_pandas())
            .mark_bar()
            .encode(x=alt.X("age_band", title="Age (years)"), y=alt.Y("people", title="People"), color="sex"),
        ]
    )
    return


@app.cell
def _(connection, mo, suppressed):
    conditions = suppressed(
        connection.sql(
            """
            SELECT coding.code AS icd10_category, count(DISTINCT condition.patient_key) AS people
            FROM condition
            JOIN (SELECT DISTINCT patient_key, resource_key, left(code, 3) AS code FROM condition_coding
                  WHERE system = 'http://hl7.org/fhir/sid/icd-10-cm' AND element = 'code') AS coding
              USING (patient_key, resource_key)
            WHERE condition.clinical_status IN ('active', 'recurrence', 'relapse')
            GROUP BY ALL ORDER BY people DESC LIMIT 15
            """
        ).pl()
    )
    mo.vstack([mo.md("## 2. Which conditions do they live with?"), conditions])
    return (conditions,)


@app.cell
def _(connection, mo, suppressed):
    languages = suppressed(
        connection.sql(
            "SELECT coalesce(language, 'not recorded') AS language, count(*) AS people "
            "FROM patient GROUP BY ALL ORDER BY people DESC"
        ).pl()
    )
    mo.vstack([mo.md("## 3. Which languages do they speak?"), languages])
    return (languages,)


@app.cell
def _(connection, suppressed):
    tiers = suppressed(
        connection.sql(
            """
            SELECT tier, count(patient_key) AS people
            FROM (VALUES (1, 'very_high'), (2, 'high'), (3, 'moderate'), (4, 'low'), (5, 'unknown')) AS t (place, tier)
            LEFT JOIN care_tiers USING (tier) GROUP BY place, tier ORDER BY place
            """
        ).pl()
    )
    return (tiers,)


@app.cell
def _(connection, pl, settings, tiers, wilson_rate):
    basis = connection.execute("SELECT count(*) FROM care_tiers").fetchone()[0]

    def shares(frame):
        """The share of each tier with its 95 % interval: two clinics of this size may differ as much by chance."""
        rates = [None if count is None else wilson_rate(count, basis) for count in frame["people"]]
        return frame.with_columns(
            pl.Series(name, [rate and round(getattr(rate, name), 4) for rate in rates], dtype=pl.Float64)
            for name in ("value", "low", "high")
        ).rename({"value": "share"})

    tier_shares = shares(tiers) if basis >= settings.small_cell else tiers
    return (tier_shares,)


@app.cell
def _(mo, tier_shares):
    mo.vstack(
        [
            mo.md(
                "## 4. In which care tiers do they stand?\n\nAs computed, before anybody adjusts them. The tier is the "
                "highest of the clinical scores; HCC, a payment score, makes none. *Unknown* is not low: too little is "
                "recorded. The interval is Wilson's."
            ),
            tier_shares,
        ]
    )
    return


@app.cell
def test_everybody_scored_is_in_one_tier_and_no_tier_rests_on_a_payment_score(connection):
    _people, _rows, _paid = connection.execute(
        "SELECT count(DISTINCT patient_key), count(*), count(*) FILTER (WHERE basis LIKE '%hcc%') FROM care_tiers"
    ).fetchone()
    assert _people == _rows > 0
    assert _paid == 0
    return


@app.cell
def test_every_patient_is_in_one_age_band(connection):
    people, keys = connection.execute("SELECT count(*), count(DISTINCT patient_key) FROM patient").fetchone()
    assert people == keys > 0


@app.cell
def test_no_small_cell_is_shown(age_bands, conditions, languages, settings):
    for frame in (age_bands, conditions, languages):
        assert all(count is None or count >= settings.small_cell for count in frame["people"])


@app.cell
def test_no_hidden_count_follows_from_the_number_of_all(age_bands, ages, settings):
    hidden = ages.filter(age_bands["people"].is_null())["people"]
    assert hidden.len() != 1
    assert hidden.is_empty() or hidden.sum() >= settings.small_cell


@app.cell
def test_the_zone_holds_no_exact_birth_date(connection):
    exact = "SELECT count(*) FROM patient WHERE birth_precision IS NOT NULL AND birth_precision <> 'year'"
    assert connection.execute(exact).fetchone() == (0,)


if __name__ == "__main__":
    app.run()
