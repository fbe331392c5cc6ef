"""Finding people and saying who they are, over a real database."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.rows import dict_row
from pydantic import ValidationError

from ehr_core.kernel.errors import BadRequest, Forbidden, NotFound
from ehr_core.registration.service import hash_query
from tests.integration.chart_records import MRN, put_flag, put_patient, put_site
from tests.lib.api import running_api
from tests.lib.statements import counted_statements


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        yield running


@pytest.fixture
def panel(api):
    put_patient(
        api,
        "ana",
        identifier=[{"system": MRN, "value": "M1000"}],
        telecom=[{"system": "phone", "value": "(716) 555-0142", "use": "mobile"}],
        communication=[
            {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "es"}]}, "preferred": True}
        ],
        extension=[
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired",
                "valueBoolean": True,
            }
        ],
    )
    put_patient(api, "nunez", "Núñez", "José María", "1950")
    put_patient(api, "petersen", "Petersen", "Jonathan", "1970-05-01")
    put_patient(
        api,
        "merged",
        "Petersen",
        "Jon",
        "1970-05-01",
        active=False,
        link=[{"other": {"reference": "Patient/petersen"}, "type": "replaced-by"}],
    )
    put_patient(api, "pedersen", "Pedersen", "Karen", "1988-12-31")
    put_patient(api, "nameless", None, birth=None, gender="unknown")
    return api


def ids(client, query, **options):
    return [hit.patient_id for hit in client.registration.search(query, **options).hits]


TYPED = {
    "Ana Reyes": ["ana"],
    "reyes, ana": ["ana"],
    "REY": ["ana"],
    "nunez": ["nunez"],
    "maria jose": ["nunez"],
    "Núñez 1950": ["nunez"],
    "petersen": ["petersen", "merged", "pedersen"],
    "joseph nunez": ["nunez"],
    "pepe nunez": ["nunez"],
    "Nunes": ["nunez"],
    "Annie Reyes": ["ana"],
    "1972-03-14": ["ana"],
    "03/14/1972": ["ana"],
    "14-Mar-1972": ["ana"],
    "Mar 14, 1972": ["ana"],
    "19720314": ["ana"],
    "(716) 555-0142": ["ana"],
    "7165550142": ["ana"],
    "+1 716 555 0142": ["ana"],
    "555-0142 reyes": ["ana"],
    "M1000": ["ana"],
    "m1000": ["ana"],
    "M100": [],
    "Reyez": ["ana"],
    "reyes 1973-03-14": [],
    "100%": [],
    "__n": [],
    "zzzz": [],
}


def test_people_are_found_by_what_is_typed(panel):
    client = panel.signed_in("chen", "clinician")
    assert {query: ids(client, query) for query in TYPED} == TYPED


def test_too_little_too_much_or_an_impossible_date_is_refused_in_a_sentence(panel):
    client = panel.signed_in("chen", "clinician")
    for query in ("", "  ", "a", "?!", "1972-02-30", "31/12/1972"):
        with pytest.raises(BadRequest, match=r"\.$"):
            client.registration.search(query)
    with pytest.raises(ValidationError):
        client.registration.search("x" * 201)


def test_people_with_names_alike_warn_of_each_other(panel):
    hits = {
        hit.patient_id: hit for hit in panel.signed_in("chen", "clinician").registration.search("pe").hits
    }
    assert set(hits) == {"petersen", "merged", "pedersen"}
    assert {name for name, hit in hits.items() if hit.same_name} == {"petersen", "merged"}
    assert {name for name, hit in hits.items() if not hit.active} == {"merged"}


def test_the_number_of_all_matches_is_said_when_only_some_are_shown(panel):
    result = panel.signed_in("chen", "clinician").registration.search("peters", limit=1)
    assert (len(result.hits), result.total) == (1, 2)


def test_who_was_not_found_as_typed_comes_after_the_others_and_is_marked(panel):
    hits = panel.signed_in("chen", "clinician").registration.search("petersen").hits
    assert [(hit.patient_id, hit.alike) for hit in hits] == [
        ("petersen", False),
        ("merged", False),
        ("pedersen", True),
    ]


def test_a_search_is_one_audit_row_with_the_hits_sealed_and_the_words_hashed(panel, admin_rows):
    panel.signed_in("chen", "clinician").registration.search("Reyes 1972-03-14")
    (row,) = admin_rows("SELECT * FROM audit.event WHERE act = 'patient_search'")
    assert (row["patient_ids"], row["outcome"]) == (["ana"], "success")
    assert row["detail"] == {"query_sha256": hash_query("reyes  1972-03-14"), "hits": 1, "total": 1}
    assert "reyes" not in str(row).lower()


@pytest.fixture
def admin_rows(admin_url):
    def rows(sql):
        with psycopg.connect(admin_url.replace("+psycopg", ""), row_factory=dict_row) as connection:
            return connection.execute(sql).fetchall()

    return rows


def test_a_search_of_many_people_costs_no_statement_more(panel):
    client = panel.signed_in("chen", "clinician")
    client.account.me()
    counts = []
    for query in ("reyes", "pe"):
        with counted_statements(panel.parts.database.engine) as sent:
            client.registration.search(query)
        counts.append(len(sent))
    assert counts[0] == counts[1]


def test_the_banner_says_who_this_is_and_what_is_not_recorded(panel):
    client = panel.signed_in("chen", "clinician")
    ana = client.registration.banner("ana")
    assert (ana.name.family, ana.age_years, ana.mrn, ana.sex) == ("Reyes", 54, "M1000", "female")
    assert (ana.language, ana.interpreter_required) == ("Spanish", True)
    assert (ana.clinic, ana.clinician, ana.clinician_id) == ("North Clinic", "Dr Ada Okafor", "okafor")
    blank = client.registration.banner("nameless")
    assert (blank.name.family, blank.birth_date, blank.age_years, blank.sex) == (None, None, None, "unknown")
    assert (blank.language, blank.interpreter_required) == (None, None)


def test_an_age_is_said_only_where_the_birth_date_settles_it(api):
    client, ages = api.signed_in("chen", "clinician"), {}
    for birth in ("1950", "1976-11-20", "1976-11-21", "1976-11", "1976-10", "2030-01-01"):
        put_patient(api, f"born-{birth}", birth=birth)
        ages[birth] = client.registration.banner(f"born-{birth}").age_years
    assert ages == {
        "1950": None,
        "1976-11-20": 50,
        "1976-11-21": 49,
        "1976-11": None,
        "1976-10": 50,
        "2030-01-01": None,
    }


def test_the_age_of_the_dead_is_the_age_at_death(api):
    put_patient(api, "late", birth="1940-06-01", deceasedDateTime="2020-05-31T22:00:00-04:00")
    put_patient(api, "unknown-day", birth="1940-06-01", deceasedBoolean=True)
    client = api.signed_in("chen", "clinician")
    late, other = client.registration.banner("late"), client.registration.banner("unknown-day")
    assert (late.deceased, late.age_years) == (True, 79)
    assert (other.deceased, other.deceased_on, other.age_years) == (True, None, None)


def test_panel_statuses_merges_and_inactive_records_stand_in_the_banner(panel):
    put_flag(panel, "ana", "outreach-opt-out")
    put_flag(panel, "petersen", "transferred-out", status="inactive")
    put_flag(panel, "pedersen", "transferred-out", period={"end": "2026-01-01"})
    client = panel.signed_in("chen", "clinician")
    assert client.registration.banner("ana").statuses == ["Opted out of outreach"]
    assert client.registration.banner("petersen").statuses == []
    assert client.registration.banner("pedersen").statuses == []
    merged = client.registration.banner("merged")
    assert (merged.replaced_by, merged.active) == ("petersen", False)


def test_the_front_desk_finds_people_and_an_analyst_does_not(panel):
    assert ids(panel.signed_in("desk", "front_desk"), "reyes") == ["ana"]
    assert panel.signed_in("desk2", "front_desk").registration.banner("ana").patient_id == "ana"
    analyst = panel.signed_in("lee", "analyst")
    for act in (lambda: analyst.registration.search("reyes"), lambda: analyst.registration.banner("ana")):
        with pytest.raises(Forbidden):
            act()


def test_a_patient_sees_their_own_banner_and_nobody_elses(panel):
    ana = panel.signed_in("ana", "patient", patient_id="ana")
    assert ana.registration.banner("ana").name.given == "Ana"
    with pytest.raises(NotFound):
        ana.registration.banner("nunez")
    with pytest.raises(Forbidden):
        ana.registration.search("reyes")


def test_a_banner_that_was_read_is_audited_and_an_unknown_patient_is_not_found(panel, admin_rows):
    client = panel.signed_in("chen", "clinician")
    client.registration.banner("ana")
    with pytest.raises(NotFound):
        client.registration.banner("nobody")
    rows = admin_rows("SELECT patient_id FROM audit.event WHERE act = 'banner_read'")
    assert [row["patient_id"] for row in rows] == ["ana"]
