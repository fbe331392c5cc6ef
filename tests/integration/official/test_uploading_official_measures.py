"""Uploads: checked by the same judgement as at the command line, imported by a person, active for days and a reason."""

from __future__ import annotations

import sys
import time
import zipfile
from datetime import timedelta

import pytest

from data_contracts.api.official_measures import MOST_PACKAGE_BYTES, Activation
from ehr_core.kernel.errors import AlmonerError, BadRequest, Conflict, Forbidden, NotFound
from pipelines.run.importing import judge
from pipelines.run.uploads import UploadWatch, check_waiting, report_of
from tests.integration.loop.panel import Panel, panel_of
from tests.lib.app_pages import opened, press, session_of, shown
from tests.lib.elm_package import broken, small_package, written

pytestmark = pytest.mark.long

ADULTS = "CMS999Adults"


@pytest.fixture
def panel(database, tmp_path):
    with panel_of(database, tmp_path / "state", 4) as made:
        yield made


@pytest.fixture
def admin(panel):
    return panel.api.signed_in("root", "admin")


def packed(folder, resources: list[dict], name: str = "package.zip") -> bytes:
    source = written(resources, folder / f"of-{name}")
    with zipfile.ZipFile(folder / name, "w") as archive:
        for one in source.iterdir():
            archive.write(one, one.name)
    return (folder / name).read_bytes()


def only(admin):
    (one,) = admin.quality.uploads().uploads
    return one


def acts(panel: Panel) -> list[str]:
    rows = panel.rows("SELECT act FROM audit.event WHERE act LIKE 'quality.official.%' ORDER BY at, id")
    return [row["act"].removeprefix("quality.official.") for row in rows]


def test_an_upload_is_checked_imported_activated_for_days_and_lapses_each_step_by_a_person_and_audited(
    panel, admin, tmp_path
):
    admin.quality.upload("package.zip", packed(tmp_path, small_package()))
    assert only(admin).state == "waiting"
    with pytest.raises(Conflict):
        admin.quality.import_upload(only(admin).upload_id)
    assert check_waiting(panel.pipeline) == 1
    one = only(admin)
    assert (one.state, one.report) == ("checked", report_of(judge(tmp_path / "package.zip")))
    assert admin.quality.official().measures == []
    (kept,) = admin.quality.import_upload(one.upload_id).measures
    assert (kept.active, kept.imported_by, kept.source) == (False, admin.account.me().name, "package.zip")
    last = panel.today + timedelta(days=1)
    (kept,) = admin.quality.activate(ADULTS, Activation(active_until=last, reason="the year's set")).measures
    assert (kept.active, kept.active_until, kept.reason) == (True, last, "the year's set")
    panel.night()
    assert panel.rows("SELECT 1 FROM quality.measure_flag WHERE official")
    panel.pass_days(2)
    panel.night()
    (kept,) = panel.api.signed_in("rhea", "admin").quality.official().measures
    assert (kept.active, kept.reason) == (False, "its last day has passed")
    assert not panel.rows("SELECT 1 FROM care_gaps.gap WHERE present AND source_kind = 'measure'")
    assert acts(panel) == ["uploaded", "checked", "imported", "activated", "deactivated"]


def test_a_measure_of_next_year_is_active_and_not_yet_run(panel, admin, tmp_path):
    admin.quality.upload("package.zip", packed(tmp_path, small_package()))
    check_waiting(panel.pipeline)
    admin.quality.import_upload(only(admin).upload_id)
    begin = panel.today + timedelta(days=5)
    admin.quality.activate(ADULTS, Activation(active_from=begin, reason="next year's"))
    assert panel.pipeline.pipeline.official_measures().packages == {}
    panel.pass_days(5)
    assert len(panel.pipeline.pipeline.official_measures().packages) == 1
    with pytest.raises(ValueError, match="before active_from"):
        Activation(active_from=begin, active_until=begin - timedelta(days=1))


def test_what_is_missing_is_told_with_its_place_and_nothing_can_be_imported(panel, admin, tmp_path):
    for number, what in enumerate(("a value set that is not there", "an operator that nobody knows")):
        admin.quality.upload(f"p{number}.zip", packed(tmp_path, broken(what), f"p{number}.zip"))
    admin.quality.upload("bomb.json.gz", b"no gzip at all")
    assert check_waiting(panel.pipeline) == 3
    found = {one.file_name: one for one in admin.quality.uploads().uploads}
    assert {one.state for one in found.values()} == {"refused"}
    (missing,), (unsupported,) = (found[name].report.measures for name in ("p0.zip", "p1.zip"))
    assert any(place.startswith("Adults.") for place in missing.missing_value_sets.values())
    assert any(
        "Fly" in what and place.startswith("Adults.") for what, place in unsupported.unsupported.items()
    )
    assert "no whole .gz" in found["bomb.json.gz"].report.problems[0]
    for one in found.values():
        with pytest.raises(Conflict):
            admin.quality.import_upload(one.upload_id)
    assert admin.quality.official().measures == []


@pytest.mark.parametrize(
    ("name", "content"),
    [("../a.zip", b"x"), ("a.exe", b"x"), ("a.zip", b""), ("a\n.zip", b"x"), ("a" * 150 + ".zip", b"x")],
)
def test_a_file_that_cannot_be_a_package_is_refused_at_the_door(admin, name, content):
    with pytest.raises(AlmonerError):
        admin.quality.upload(name, content)
    assert admin.quality.uploads().uploads == []


def test_only_who_manages_measures_uploads_or_sees_uploads_and_no_file_is_larger_than_a_package(panel, admin):
    clinician = panel.api.signed_in("okafor", "clinician")
    for act in (lambda: clinician.quality.upload("a.zip", b"x"), clinician.quality.uploads):
        with pytest.raises(Forbidden):
            act()
    with pytest.raises(BadRequest, match="20 MB"):
        admin.quality.upload("a.zip", bytes(MOST_PACKAGE_BYTES + 1))
    with pytest.raises(NotFound):
        admin.quality.import_upload("nothing")
    assert acts(panel) == []


def test_a_check_that_died_is_taken_up_again_and_never_twice_at_once(panel, admin):
    admin.quality.upload("a.zip", b"no archive")
    assert panel.pipeline.pipeline.claim_upload().file_name == "a.zip"
    assert check_waiting(panel.pipeline) == 0
    panel.api.clock.instant += timedelta(minutes=16)
    assert check_waiting(panel.pipeline) == 1
    assert only(admin).state == "refused"


def test_the_worker_starts_a_check_in_a_process_of_its_own_when_one_waits(panel, admin):
    watch = UploadWatch(panel.api.service("remeasure"), (sys.executable, "-c", "import time; time.sleep(30)"))
    assert watch.look() is False
    admin.quality.upload("a.zip", b"x")
    watch._look_at = 0.0
    assert watch.look() is True
    watch._look_at = 0.0
    assert watch.look() is False, "one at a time"
    started = time.monotonic()
    watch.close()
    assert time.monotonic() - started < 5


def test_the_page_shows_what_is_missing_imports_and_activates_with_a_reason(panel, admin, tmp_path):
    admin.quality.upload("package.zip", packed(tmp_path, small_package()))
    session = session_of(admin)
    first = opened(session, "dashboards.admin.official_measures", "official_measures_page")
    assert "No official measure was imported yet" in shown(first)
    check_waiting(panel.pipeline)
    admin.quality.upload("gone.zip", packed(tmp_path, broken("a value set that is not there"), "gone.zip"))
    check_waiting(panel.pipeline)
    page = opened(
        session, "dashboards.admin.official_measures", "official_measures_page", kept=f"{ADULTS}@1.0.0"
    )
    said = shown(page)
    assert "http://example.org/ValueSet/gone" in said
    page = press(page, "Import")
    assert "Nothing of it is active yet" in shown(page)
    page = opened(
        session, "dashboards.admin.official_measures", "official_measures_page", kept=f"{ADULTS}@1.0.0"
    )
    assert "Write a reason" in shown(press(page, "Activate"))
    next(box for box in page.text_input if box.label.startswith("Reason")).set_value("for the board")
    assert "is active" in shown(press(page, "Activate"))
    (kept,) = admin.quality.official().measures
    assert (kept.active, kept.reason) == (True, "for the board")
