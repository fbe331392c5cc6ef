"""Bulk import: files of one type each, line by line, under the client's scopes; followed, stopped, taken up again."""

from __future__ import annotations

import errno
import json

import pytest

from data_contracts.api.access import NewChartRule
from ehr_core.api.bulk.sealed_files import SealedWriter
from ehr_core.api.bulk_import import runner as runner_room
from ehr_core.store.repository import Store
from tests.integration.fhir.conftest import observation, patient
from tests.integration.outside.test_provenance import Device
from tests.lib.api import running_api
from tests.lib.receiver import DEVELOPMENT, receiver

NDJSON = "application/fhir+ndjson"
SETTINGS = DEVELOPMENT | {"import_hosts": "127.0.0.1"}


class Importer(Device):
    """A backend service that may import in bulk."""

    def __init__(self, api, *scopes: str, bulk: bool = True, **more):
        super().__init__(api, *(scopes or ("system/*.cruds",)), bulk=bulk, **more)

    def upload(self, *lines: dict | str) -> str:
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        answer = self.send_raw(text.encode())
        assert answer.status_code == 201, answer.text
        return answer.json()["url"]

    def send_raw(self, body: bytes, kind: str = NDJSON):
        return self.api.http().post(
            "/fhir/import-files", content=body, headers=self.headers | {"Content-Type": kind}
        )

    @property
    def headers(self) -> dict[str, str]:
        told = self.app.token(grant_type="client_credentials", scope=" ".join(self.app.scopes)).json()
        return {"Authorization": f"Bearer {told['access_token']}"}

    def ask(self, *inputs: tuple[str, str], **headers: str):
        parts = [
            {
                "name": "input",
                "part": [{"name": "type", "valueCode": kind}, {"name": "url", "valueUri": url}],
            }
            for kind, url in inputs
        ]
        body = {
            "resourceType": "Parameters",
            "parameter": [{"name": "inputFormat", "valueString": NDJSON}, *parts],
        }
        return self.send("POST", "/$import", body, **({"Prefer": "respond-async"} | headers))

    def done(self, *inputs: tuple[str, str]) -> dict:
        answer = self.ask(*inputs)
        assert answer.status_code == 202, answer.text
        run(self.api)
        return self.look(answer.headers["content-location"]).json()

    def look(self, address: str):
        return self.api.http().get(address, headers=self.headers)

    def errors(self, result: dict) -> list[dict]:
        return [
            json.loads(line) for one in result["error"] for line in self.look(one["url"]).text.splitlines()
        ]


def run(api) -> None:
    while api.app.state.import_runner.run_one():
        pass


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path, **SETTINGS) as running:
        with running.work() as work:
            for name in ("ana", "ben"):
                Store(work).create("Patient", patient(name), id=name)
        yield running


@pytest.fixture
def lab(api) -> Importer:
    return Importer(api)


def stored(api) -> set[str]:
    with api.work() as work:
        return set(
            work.connection.exec_driver_sql("SELECT id FROM fhir.observation WHERE NOT deleted").scalars()
        )


def test_an_uploaded_file_is_imported_with_its_errors_line_by_line(api, lab):
    url = lab.upload(observation("a"), "no json", observation("b", status="wrong"), "", observation("c"))
    result = lab.done(("Observation", url))
    assert stored(api) == {"a", "c"}
    assert result["output"] == [{"type": "Observation", "count": 2, "inputUrl": url}]
    told = [one["issue"][0] for one in lab.errors(result)]
    assert [one["diagnostics"].partition(":")[0] for one in told] == ["Line 2", "Line 3"]
    assert told[1]["expression"] == [".status"] or "status" in told[1]["expression"][0]
    assert result["error"][0]["count"] == 2


def test_a_file_of_an_allowed_machine_is_fetched_and_others_are_not(api, lab):
    lines = "\n".join(json.dumps(observation(f"o-{number}")) for number in range(5)).encode()
    with receiver(answer=lambda taken: (200, lines)) as there:
        result = lab.done(("Observation", f"{there.url}/results.ndjson?token=secret"))
        assert result["output"][0]["inputUrl"] == f"{there.url}/results.ndjson"
        assert there.taken[0].path == "/results.ndjson?token=secret"
    assert len(stored(api)) == 5
    for url in (
        "https://elsewhere.example/x",
        "file:///etc/passwd",
        "https://169.254.169.254/x",
        "/etc/passwd",
    ):
        assert lab.ask(("Observation", url)).status_code == 400


def test_a_machine_that_redirects_or_fails_fails_the_import_with_a_sentence(api, lab):
    with receiver(answer=lambda taken: (302, b""), headers={"Location": "http://127.0.0.1:1/"}) as there:
        answer = lab.ask(("Observation", f"{there.url}/x"))
        run(api)
    told = lab.look(answer.headers["content-location"])
    assert told.status_code == 500
    assert "redirect" in told.text


def test_every_import_is_proved_and_audited(api, lab):
    lab.done(("Observation", lab.upload(observation("a"), observation("b", "ben"))))
    told = lab.found("/Provenance?target=Observation/a")
    assert told[0]["agent"][0]["who"]["identifier"]["value"] == lab.app.client_id
    assert "Bulk import of" in told[0]["entity"][0]["what"]["display"]
    with api.work() as work:
        acts = work.connection.exec_driver_sql(
            "SELECT actor_id, patient_ids FROM audit.event WHERE act = 'import'"
        ).one()
    assert acts == (f"app:{lab.app.client_id}", ["ana", "ben"])


def test_the_same_import_again_changes_nothing(api, lab):
    url = lab.upload(observation("a"))
    lab.done(("Observation", url))
    lab.done(("Observation", url))
    assert len(lab.found("/Provenance")) == 1
    assert lab.found("/Observation?_id=a")[0]["meta"]["versionId"] == "1"


def test_a_line_of_another_type_is_turned_away(api, lab):
    result = lab.done(("Observation", lab.upload(patient("eve"), observation("a"))))
    assert result["output"][0]["count"] == 1
    assert "declared" in lab.errors(result)[0]["issue"][0]["diagnostics"]
    assert not lab.found("/Patient?_id=eve")


def test_scopes_and_the_right_to_import_are_asked_for(api):
    may_not = Importer(api, bulk=False)
    assert may_not.ask(("Observation", "x")).status_code == 403
    assert may_not.send_raw(b"{}").status_code == 403
    reads = Importer(api, "system/*.rs")
    assert reads.ask(("Observation", "x")).status_code == 403
    narrow = Importer(api, "system/Observation.cud", "system/Patient.rs")
    url = narrow.upload(patient("eve"))
    assert narrow.ask(("Patient", url)).status_code == 403
    category = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
    by_category = Importer(api, f"system/Observation.cud?category={category}")
    assert by_category.ask(("Observation", by_category.upload(observation("a")))).status_code == 403


def test_a_closed_chart_takes_no_line_and_loses_none(api, lab):
    admin = api.signed_in("robin", "admin", "clinician")
    lab.done(("Observation", lab.upload(observation("of-ana", valueString="first"))))
    rule = NewChartRule(
        patient_id="ana", effect="deny", subject_kind="everyone", asked_by="patient", reason="Asked for it"
    )
    admin.access.make_rule(rule)
    url = lab.upload(observation("new"), observation("of-ana", "ben"), observation("of-ben", "ben"))
    result = lab.done(("Observation", url))
    assert result["output"][0]["count"] == 1
    assert {one["issue"][0]["diagnostics"].partition(":")[0] for one in lab.errors(result)} == {
        "Line 1",
        "Line 2",
    }
    with api.work() as work:
        kept = Store(work).read("Observation", "of-ana")
    assert kept.patient_id == "ana"
    assert kept.version_id == 1


def test_another_client_sees_neither_the_job_nor_the_upload(api, lab):
    url = lab.upload(observation("a"))
    address = lab.ask(("Observation", url)).headers["content-location"]
    other = Importer(api)
    assert other.look(address).status_code == 404
    assert other.ask(("Observation", url)).status_code == 400
    assert api.http().delete(address, headers=other.headers).status_code == 404


def test_a_cancelled_import_stops_and_a_closed_application_s_fails(api, lab):
    url = lab.upload(observation("a"))
    address = lab.ask(("Observation", url)).headers["content-location"]
    assert api.http().delete(address, headers=lab.headers).status_code == 202
    run(api)
    assert lab.look(address).status_code in (404, 410)
    assert not stored(api)
    address = lab.ask(("Observation", url)).headers["content-location"]
    admin = api.signed_in("robin", "admin")
    admin.apps.close(lab.app.client_id)
    run(api)
    admin.apps.open_again(lab.app.client_id)
    assert "may not import" in lab.look(address).text
    assert not stored(api)


def test_a_job_whose_runner_died_is_taken_up_where_it_was_left(api, lab, monkeypatch):
    """As kill -9 leaves it: the first file is in, half of the second, and the lease runs out."""
    first = lab.upload(*(observation(f"a-{number}") for number in range(5)))
    second = lab.upload(*(observation(f"b-{number}") for number in range(5)))
    address = lab.ask(("Observation", first), ("Observation", second)).headers["content-location"]
    runner = api.app.state.import_runner
    seen = []

    class Killed(BaseException):
        """Nothing catches it, as nothing does with SIGKILL."""

    whole = runner_room.import_parts

    def dies_in_the_second(database, actor, parts, **more):
        seen.append(more["origin"].import_id)
        done = whole(database, actor, parts, **more)
        if len(seen) == 2:
            raise Killed
        return done

    monkeypatch.setattr(runner_room, "import_parts", dies_in_the_second)
    with pytest.raises(Killed):
        runner.run_one()
    assert lab.look(address).headers["x-progress"].startswith("file 2 of 2")
    assert not runner.run_one()
    with api.work() as work:
        work.connection.exec_driver_sql("UPDATE bulk.import_job SET lease_until = now() - interval '30 days'")
    run(api)
    assert len(seen) == 3
    result = lab.look(address).json()
    assert [one["count"] for one in result["output"]] == [5, 5]
    assert len(stored(api)) == 10
    assert all(one["meta"]["versionId"] == "1" for one in lab.found("/Observation"))
    assert sum(len(one["target"]) for one in lab.found("/Provenance")) == 10


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ([], "1 to 200 files"),
        ([{"name": "inputFormat", "valueString": "text/csv"}], "inputFormat"),
        ([{"name": "other", "valueString": "x"}], "nothing else"),
        ([{"name": "input", "part": [{"name": "type", "valueCode": "Nonsense"}]}], "'type'"),
        ([{"name": "input", "part": [{"name": "type", "valueCode": "Observation"}]}], "'url'"),
    ],
)
def test_what_cannot_be_understood_is_refused_naming_it(api, lab, parameters, word):
    body = {"resourceType": "Parameters"} | ({"parameter": parameters} if parameters else {})
    answer = lab.send("POST", "/$import", body, Prefer="respond-async")
    assert answer.status_code == 400, answer.text
    assert word in answer.text
    assert lab.send("POST", "/$import", body).status_code == 400


def test_files_at_rest_are_sealed(api, lab, tmp_path):
    lab.upload(observation("a", valueString="a word of the record"))
    held = [
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "bulk-import" in str(path)
    ]
    assert held
    assert all(b"a word of the record" not in one for one in held)
    assert lab.send_raw(b"x", "text/plain").status_code == 415
    assert lab.send_raw(b"  ").status_code == 400


def test_a_full_disk_is_a_sentence_and_leaves_no_file(api, lab, tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SealedWriter, "write", full)
    answer = lab.send_raw(json.dumps(observation("a")).encode())
    assert answer.status_code == 503
    assert "disk of the import folder is full" in answer.text
    with receiver(answer=lambda taken: (200, json.dumps(observation("a")).encode())) as there:
        asked = lab.ask(("Observation", f"{there.url}/results.ndjson"))
        run(api)
    assert "disk of the import folder is full" in lab.look(asked.headers["content-location"]).text
    assert [path for path in (tmp_path / "bulk-import").rglob("*") if path.is_file()] == []
    with api.work() as work:
        kept = work.connection.exec_driver_sql("SELECT count(*) FROM bulk.import_file").scalar_one()
    assert kept == 0
