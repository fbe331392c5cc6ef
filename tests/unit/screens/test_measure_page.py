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
