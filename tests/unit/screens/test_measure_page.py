"""A measure's page as an analyst gets it: the funnel and its words, a shift, what is not loaded, where it is from."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def measure_page() -> None:
    from datetime import date
    from types import SimpleNamespace

    from dashboards.quality.measure import measure_section
    from data_contracts.api.quality import RateShift
    from tests.unit.screens.test_measure_words import DAY, group, night, page

    shown = page(
        strata=[
            group("All", 200, 400, "all"),
            group("North", 50, 100),
            group("South", 20, 100),
            group("Hidden", None, None),
            group("Female", 120, 200, "sex"),
        ],
        trend=[night(1, 12), night(0, 10)],
    )
    shown = shown.model_copy(
        update={
            "line": shown.line.model_copy(update={"counts": shown.strata[0].counts}),
            "definition": shown.definition.model_copy(
                update={"code_systems_not_loaded": ["CPT", "SNOMED CT"]}
            ),
            "provenance": {"Snapshot": "2026-11-20T02-00", "As of": str(date(2026, 11, 20))},
            "shifts": [RateShift(kind="jump", since=DAY, change=-0.1, low=-0.18, high=-0.02)],
        }
    )
    quality = SimpleNamespace(measure=lambda measure_id: shown, csv=lambda measure_id: b"")
    session = SimpleNamespace(client=SimpleNamespace(quality=quality), may=lambda act: False)
    measure_section(session, "m")


def shown() -> AppTest:
    app = AppTest.from_function(measure_page, default_timeout=20).run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    return " ".join(element.value for kind in ("caption", "info", "warning") for element in app.get(kind))


def html(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def test_the_page_says_what_chance_does_not_explain():
    app = shown()
    assert "1 of 2 outside of what chance explains: South" in words(app)
    assert "fell overnight by 10.0 points" in words(app)
    assert "<td>Below what chance explains</td>" in html(app)
    assert "<td>Suppressed</td>" in html(app)


def test_the_page_names_what_is_not_loaded_and_where_its_numbers_come_from():
    app = shown()
    assert "CPT and SNOMED CT are not loaded here" in words(app)
    assert "<b>As of</b></td><td>20-Nov-2026" in html(app)


def test_groups_of_people_are_compared_without_a_funnel():
    app = shown()
    app.get("button_group")[0].set_value("sex").run()
    assert not app.exception
    assert "Against chance" not in html(app)
    assert "outside of what chance explains" not in words(app)


def official_page() -> None:
    from types import SimpleNamespace

    from dashboards.quality.measure import measure_section
    from data_contracts.api.data_quality import DataFinding, DataQuality, TouchedMeasure
    from data_contracts.api.quality import PublishedStratum
    from tests.unit.screens.test_measure_words import DAY, group, night, page

    strata = [
        PublishedStratum(definition="Stratification 1", words="Of 46 to 49 years", counts=None, value=None),
        PublishedStratum(
            definition="Stratification 2",
            counts={"initial-population": 40, "denominator": 40, "numerator": 25},
            value=0.625,
        ),
    ]
    shown = page(strata=[group("All", 25, 40, "all")], trend=[night(1, None)], official=True)
    shown = shown.model_copy(update={"published_strata": strata})
    touched = TouchedMeasure(measure_id="m", title="A measure", official=True, records=3, reads="")
    defect = DataFinding(
        check_id="unit_missing", kind="units", resource_type="Observation", title="Results without a unit", why="",
        repair="Ask the laboratory.", counts="records", has_records=True, outcome="ran", failing=3, checked=90,
        share=0.03, touches=[touched],
    )  # fmt: skip
    quality = SimpleNamespace(measure=lambda measure_id: shown, csv=lambda measure_id: b"")
    checks = SimpleNamespace(findings=lambda: DataQuality(on=DAY, computed_at=None, findings=[defect]))
    session = SimpleNamespace(
        client=SimpleNamespace(quality=quality, data_quality=checks),
        may=lambda act: act == "data_quality.read",
    )
    measure_section(session, "m")


def measures_page_without_anybody() -> None:
    from types import SimpleNamespace

    import streamlit as st

    from dashboards.quality import measures
    from data_contracts.api.quality import MeasureList
    from tests.unit.screens.test_measure_words import page

    listed = MeasureList(measures=[page().line], nobody=["Cesarean Birth"], as_of=None)
    quality = SimpleNamespace(measures=lambda: listed)
    st.session_state["session"] = SimpleNamespace(client=SimpleNamespace(quality=quality))
    measures.start_page = lambda title: None
    measures.measures_page()


def test_the_publishers_strata_are_told_in_their_order_and_a_small_one_is_hidden():
    app = AppTest.from_function(official_page, default_timeout=20).run()
    assert not app.exception
    told = html(app)
    headings = [
        f"<th>{name}</th>" for name in ("Stratum", "Score", "Initial population", "Denominator", "Numerator")
    ]
    assert "".join(headings) in told.replace(' scope="col"', "")
    assert "Of 46 to 49 years" in told
    assert "<td>suppressed</td><td>suppressed</td>" in told
    assert "<td>62.5%</td><td>40</td><td>40</td><td>25</td>" in told
    assert "small counts, which are suppressed" in words(app)


def test_what_is_wrong_with_the_data_under_a_rate_is_asked_for_when_it_is_opened():
    app = AppTest.from_function(official_page, default_timeout=20).run()
    assert "Results without a unit" not in html(app)
    app.session_state["defects"] = True
    assert "Results without a unit" in html(app.run())
    assert "Ask the laboratory." in html(app)


def test_an_active_measure_that_finds_nobody_is_told():
    app = AppTest.from_function(measures_page_without_anybody, default_timeout=20).run()
    assert not app.exception
    assert "Cesarean Birth: active, and nobody was found in the initial population." in words(app)
