"""A night measures by official measures as by our own: results, facts, gaps and rates, none of them twice."""

from __future__ import annotations

from tests.integration.official.house import cases_of, import_measures, patient_of, site


def test_probe(database, tmp_path):
    cases = cases_of("CMS122", "CMS951", "CMS124")
    with site(database, tmp_path, cases) as panel:
        ids = import_measures(panel, "CMS122", "CMS951", "CMS124")
        print(ids)
        panel.night()
        for row in panel.rows("SELECT kind, failure, counts FROM quality.run"):
            print(row)
        print(
            panel.rows(
                "SELECT measure_id, count(*), sum(denominator::int) d, sum(numerator::int) n, sum((not evaluable)::int) ne FROM quality.measure_flag WHERE official GROUP BY 1"
            )
        )
        for row in panel.rows(
            "SELECT definition, population, holds, evidence_type, evidence_id is not null as r, evidence_on, evidence_code, evidence_value, facts_found FROM quality.measure_evidence WHERE patient_id = :p AND measure_id like 'CMS122%'",
            p=patient_of(cases[3]),
        ):
            print(row)
        for row in panel.rows(
            "SELECT source_id, computed_status, reason_code, evidence_value, evidence_on, count(*) FROM care_gaps.gap WHERE source_kind='measure' AND present GROUP BY 1,2,3,4,5 LIMIT 40"
        ):
            print(row)
        panel.change("Patient", patient_of(cases[3]), gender="female")
        import time

        t = time.perf_counter()
        panel.minutes()
        print("first minute", time.perf_counter() - t)
        panel.change("Patient", patient_of(cases[3]), gender="male")
        t = time.perf_counter()
        panel.minutes()
        print("second minute", time.perf_counter() - t)
        assert 0
