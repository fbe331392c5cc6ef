"""The same seed gives the same people, anywhere, in little memory; another seed gives others."""

from __future__ import annotations

import hashlib
import tracemalloc
from datetime import date

import orjson
import pytest
import zstandard
from typer.testing import CliRunner

from ehr_core.kernel.errors import BadRequest
from ehr_core.population import generate, stories
from ehr_core.population.commands import commands
from ehr_core.population.panel import write_patients
from ehr_core.population.shards import Panel, write_ndjson

AS_OF = date(2026, 11, 22)
ZONE = "America/New_York"


def digest(lines) -> str:
    made = hashlib.sha256()
    for _, line in lines:
        made.update(line)
    return made.hexdigest()


def patients(start: int, stop: int, seed: int = 5) -> list[tuple[str, bytes]]:
    return list(write_patients(start, stop, seed=seed, as_of=AS_OF, time_zone=ZONE))


def test_the_same_arguments_give_the_same_bytes():
    first = digest(generate(80, seed=5, as_of=AS_OF, time_zone=ZONE))
    assert first == digest(generate(80, seed=5, as_of=AS_OF, time_zone=ZONE))


def test_a_patient_depends_only_on_the_seed_and_their_own_place():
    together, alone = patients(60, 90), patients(75, 76)
    assert [line for line in together if line in alone] == alone


def test_another_seed_gives_other_people_but_the_same_stories():
    count = len(stories())
    assert digest(patients(0, count, seed=5)) == digest(patients(0, count, seed=6))
    assert digest(patients(count, count + 5, seed=5)) != digest(patients(count, count + 5, seed=6))


def test_no_id_is_shared_by_people_of_two_seeds():
    ids = [{orjson.loads(line)["id"] for _, line in patients(60, 70, seed=seed)} for seed in (5, 6)]
    assert not ids[0] & ids[1]


def test_a_thousand_patients_stay_within_a_few_megabytes():
    patients(0, 40)
    tracemalloc.start()
    try:
        for _ in write_patients(40, 240, seed=5, as_of=AS_OF, time_zone=ZONE):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000


@pytest.mark.parametrize("as_of", [date(2028, 2, 29), date(2026, 7, 3), date(2026, 9, 20), date(2027, 1, 1)])
def test_any_day_may_be_today(as_of):
    lines = list(generate(60, seed=5, as_of=as_of, time_zone=ZONE))
    assert sum(resource_type == "Patient" for resource_type, _ in lines) == 60
    for resource_type, line in lines:
        if resource_type in ("Observation", "Immunization"):
            resource = orjson.loads(line)
            day = resource.get("effectiveDateTime", resource.get("occurrenceDateTime"))
            assert day[:10] <= as_of.isoformat()


def test_instants_carry_the_offset_of_the_site_on_that_day():
    offsets = {"01": set(), "07": set()}
    for resource_type, line in patients(60, 140):
        if resource_type == "Encounter":
            start = orjson.loads(line)["period"]["start"]
            if start[5:7] in offsets:
                offsets[start[5:7]].add(start[19:])
    assert offsets == {"01": {"-05:00"}, "07": {"-04:00"}}


def test_an_empty_population_is_refused():
    with pytest.raises(BadRequest, match="at least 1"):
        list(generate(0, seed=5, as_of=AS_OF, time_zone=ZONE))


def test_the_files_of_two_processes_hold_what_one_stream_gives(tmp_path):
    panel = Panel(patients=70, seed=5, as_of=AS_OF, time_zone=ZONE)
    written = write_ndjson(panel, tmp_path / "out", shard_size=25, processes=2)
    streamed = sorted(line for _, line in generate(70, seed=5, as_of=AS_OF, time_zone=ZONE))
    filed = sorted(line for path in (tmp_path / "out").iterdir() for line in path.read_bytes().splitlines())
    assert filed == streamed
    assert written.resources == len(streamed)
    assert written.patients == 70


def test_compressed_files_read_back(tmp_path):
    panel = Panel(patients=3, seed=5, as_of=AS_OF, time_zone=ZONE)
    write_ndjson(panel, tmp_path / "out", processes=1, compress=True)
    path = tmp_path / "out" / "Patient.000000.ndjson.zst"
    with zstandard.open(path, "rb") as file:
        assert len(file.read().splitlines()) == 3


def test_the_command_writes_the_files_and_says_how_many(tmp_path):
    arguments = ["population", "--ndjson", str(tmp_path / "out"), "--patients", "3", "--processes", "1"]
    said = CliRunner().invoke(commands, [*arguments, "--as-of", "2026-11-22"])
    assert said.exit_code == 0, said.output
    assert said.output.strip().startswith("3 people")
    assert len((tmp_path / "out" / "Patient.000000.ndjson").read_bytes().splitlines()) == 3


def test_a_folder_with_old_files_is_refused(tmp_path):
    (tmp_path / "Patient.ndjson").write_text("{}")
    with pytest.raises(BadRequest, match="not empty"):
        write_ndjson(Panel(5, 5, AS_OF, ZONE), tmp_path)
