"""Which resources a retrieve of a profile takes, and how populations restrict one another."""

import numpy as np
import pytest

from pipelines.measures.elm.measure import Group, Population
from pipelines.measures.elm.populations import Members, apply_scoring
from pipelines.measures.elm.profiles import has_profile
from pipelines.measures.elm.records import Records
from pipelines.measures.elm.texts import Texts

QICORE = "http://hl7.org/fhir/us/qicore/StructureDefinition/"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
DIAGNOSIS = {"category": [{"coding": [{"code": "encounter-diagnosis"}]}]}
PROBLEM = {"category": [{"coding": [{"code": "problem-list-item"}]}]}


def taken(resource: dict, profile: str, *, declared_only: bool | frozenset[str] = False) -> bool:
    records = Records(Texts(), declared_only=declared_only)
    records.add_patient([resource])
    table, _ = records.table(resource["resourceType"])
    return bool(has_profile(table, profile, declared_only=declared_only)[0])


def condition(content: dict, *profiles: str) -> dict:
    return {"resourceType": "Condition", "meta": {"profile": list(profiles)}, **content}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (condition(PROBLEM, f"{QICORE}qicore-condition-encounter-diagnosis"), True),
        (condition(DIAGNOSIS, f"{QICORE}qicore-condition-problems-health-concerns"), False),
        (condition(DIAGNOSIS), True),
        (condition(PROBLEM), False),
        (condition({}), False),
        (condition(DIAGNOSIS, f"{US_CORE}us-core-condition-encounter-diagnosis"), True),
    ],
)
def test_a_declared_profile_is_believed_and_else_the_content_decides(resource, expected):
    assert taken(resource, f"{QICORE}qicore-condition-encounter-diagnosis") is expected


@pytest.mark.parametrize(
    ("declared", "asked"), [("", ""), ("|6.0.0", ""), ("", "|6.0.0"), ("|5.0.0", "|6.0.0")]
)
def test_the_version_of_a_profile_decides_nothing(declared, asked):
    profile = f"{QICORE}qicore-condition-encounter-diagnosis"
    assert taken(condition({}, profile + declared), profile + asked, declared_only=True)


def test_the_official_cases_are_taken_by_what_they_declare_alone():
    profile = f"{QICORE}qicore-condition-encounter-diagnosis"
    assert taken(condition(DIAGNOSIS), profile, declared_only=True) is False


@pytest.mark.parametrize(
    ("forbids", "done", "not_done"), [(True, False, True), (False, True, False), (None, True, False)]
)
def test_an_order_not_to_do_something_is_no_order(forbids, done, not_done):
    order = {"resourceType": "ServiceRequest", **({} if forbids is None else {"doNotPerform": forbids})}
    assert taken(order, f"{QICORE}qicore-servicerequest") is done
    assert taken(order, f"{QICORE}qicore-servicenotrequested") is not_done


def group(scoring: str, *codes: str) -> Group:
    return Group("g", scoring, "Encounter", tuple(Population(code, code, code) for code in codes), ())


def counted(scoring: str, **raw: list[int]) -> dict[str, list[int]]:
    """Keys per population after the rules; one patient with subjects 1, 2, 3 …"""
    codes = [code.replace("_", "-") for code in raw]
    members = {
        code: Members(np.zeros(len(keys), np.int64), np.array(keys, np.int64))
        for code, keys in zip(codes, raw.values(), strict=True)
    }
    found = apply_scoring(group(scoring, *codes), members)
    return {code: sorted(one.keys.tolist()) for code, one in found.items()}


def test_in_a_proportion_exclusions_come_before_the_numerator_and_exceptions_after_it():
    found = counted(
        "proportion",
        initial_population=[1, 2, 3, 4],
        denominator=[1, 2, 3, 4, 9],
        denominator_exclusion=[1],
        numerator=[1, 2],
        denominator_exception=[1, 2, 3],
    )
    assert found["denominator"] == [1, 2, 3, 4]
    assert found["denominator-exclusion"] == [1]
    assert found["numerator"] == [2]
    assert found["denominator-exception"] == [3]


def test_in_a_ratio_the_numerator_is_not_part_of_the_denominator():
    found = counted("ratio", initial_population=[1, 2, 3], denominator=[1, 2], numerator=[3, 9])
    assert found["numerator"] == [3]


US_QUALITY_CORE = "http://fhir.org/guides/onc/us-quality-core/StructureDefinition/us-quality-core-"
HL7_QUALITY_CORE = "http://hl7.org/fhir/us/quality-core/StructureDefinition/us-quality-core-"


def test_us_quality_core_has_the_profiles_of_qicore_under_other_names():
    order = {"resourceType": "ServiceRequest", "doNotPerform": True}
    asked = {
        f"{US_QUALITY_CORE}servicerequest": False,
        f"{US_QUALITY_CORE}servicenotrequested": True,
        f"{HL7_QUALITY_CORE}servicerequested": False,
        f"{HL7_QUALITY_CORE}serviceprohibited": True,
        f"{HL7_QUALITY_CORE}servicerequest": True,
    }
    assert {profile: taken(order, profile) for profile in asked} == asked


@pytest.mark.parametrize(("forbids", "kind"), [(True, "devicenotrequested"), (None, "devicerequest")])
def test_a_device_is_asked_for_or_forbidden_by_an_extension_that_changes_what_is_said(forbids, kind):
    extension = {"url": "http://hl7.org/fhir/StructureDefinition/request-doNotPerform", "valueBoolean": True}
    order = {"resourceType": "DeviceRequest", **({"modifierExtension": [extension]} if forbids else {})}
    found = {one for one in ("devicerequest", "devicenotrequested") if taken(order, f"{QICORE}qicore-{one}")}
    assert found == {kind}


def test_only_of_a_guide_that_the_cases_name_is_a_declaration_needed():
    profile = "qicore-condition-encounter-diagnosis"
    for guide, expected in ((QICORE, False), (US_CORE, True)):
        guides = frozenset({guide.rstrip("/")})
        assert taken(condition(DIAGNOSIS), f"{QICORE}{profile}", declared_only=guides) is expected
