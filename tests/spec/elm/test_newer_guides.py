"""Measures in the words of the guides after cqfmeasures: functions as stratifiers, two populations, mixed bases."""

import orjson

from tests.lib.elm import literal, op, part, quantity, query, ref, retrieve, value
from tests.lib.made_measure import agrees, case, helper, library, measure, named, of_status, population, text

HELPERS = [{"localIdentifier": "FHIRHelpers", "path": "FHIRHelpers"}]
VALUE = helper("ToQuantity", part({"type": "OperandRef", "name": "x"}, "value"))


def observation(name: str, value: float, status: str = "final") -> dict:
    measured = {"value": value, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
    return {"resourceType": "Observation", "id": name, "status": status, "valueQuantity": measured}


VALUES = [observation("a", 2), observation("b", 4), observation("c", 9), observation("d", 100, "preliminary")]


def test_a_stratifier_may_be_a_function_of_each_subject(tmp_path):
    size = {"type": "If", "condition": op("Greater", VALUE, quantity(5, "mg")), "then": literal("large")}
    elm = library(
        {
            "All": retrieve("Observation"),
            "Final": of_status("Observation", "final"),
            "Size(x)": {**size, "else": literal("small")},
            "Large(x)": op("Greater", VALUE, quantity(5, "mg")),
            "Sex": text(named("Patient"), "gender"),
        }
    )
    made = measure(
        population("initial-population", "All", "ip"),
        population("denominator", "All", "d"),
        population("numerator", "Final", "n"),
        basis="Observation",
        stratifier=[
            {"id": "size", "criteria": {"expression": "Size"}},
            {"id": "large", "criteria": {"expression": "Large"}},
            {
                "id": "both",
                "component": [
                    {"id": "sex", "criteria": {"expression": "Sex"}},
                    {"id": "size", "criteria": {"expression": "Size"}},
                ],
            },
        ],
    )

    def stratum(value: str, denominator: int, numerator: int) -> dict:
        counts = [("d", "denominator", denominator), ("n", "numerator", numerator)]
        populations = [
            {"id": name, "code": {"coding": [{"code": code}]}, "count": count} for name, code, count in counts
        ]
        return {**({"value": {"text": value}} if value else {}), "population": populations}

    strata = [
        {"id": "size", "stratum": [stratum("large", 2, 1), stratum("small", 2, 2)]},
        {"id": "large", "stratum": [stratum("", 2, 1)]},
        {"id": "both", "stratum": [stratum("sex=female, size=small", 2, 2)]},
    ]
    counts = {"ip|initial-population": 4, "d|denominator": 4, "n|numerator": 3}
    agrees(tmp_path, elm, made, case(counts, VALUES, stratifier=strata))


def test_a_ratio_of_two_populations_and_bases_in_the_words_of_the_newer_guide(tmp_path):
    """The extensions of the guides after cqfmeasures, and observations that are functions of nothing."""
    ward = {"resourceType": "Location", "id": "ward"}
    elm = library(
        {
            "Wards": retrieve("Location"),
            "Ill": op("Exists", retrieve("Observation")),
            "Days()": literal(12),
            "Infections()": {"type": "Count", "source": of_status("Observation", "final")},
        }
    )
    made = measure(
        population("initial-population", "Wards", "dip"),
        population("denominator", "Wards", "d", criteriaReference="dip"),
        population("measure-observation", "Days", "od", criteriaReference="d", aggregateMethod="sum"),
        population("initial-population", "Ill", "nip"),
        population("numerator", "Ill", "n", criteriaReference="nip"),
        population("measure-observation", "Infections", "on", criteriaReference="n", aggregateMethod="sum"),
        scoring="ratio",
        basis="Location",
    )
    written = orjson.dumps(made).replace(b"cqfm-criteriaReference", b"cqf-criteriaReference")
    newer = orjson.loads(written.replace(b"cqfm-", b"cqm-"))
    observed = {"od_1|measure-observation": 12, "od_2|measure-observation": 12, "on_1|measure-observation": 3}
    counts = {"dip|initial-population": 2, "d|denominator": 2, "nip|initial-population": 1, "n|numerator": 1}
    well = {**dict.fromkeys(counts, 0), "dip|initial-population": 1, "d|denominator": 1}
    agrees(
        tmp_path,
        elm,
        newer,
        case({**counts, **observed}, [ward, {**ward, "id": "other"}, *VALUES]),
        case({**well, "od_1|measure-observation": 12}, [ward], "well"),
    )


def test_a_part_of_a_resource_of_either_type_is_text_like_any_other():
    both = op("Union", retrieve("Condition"), retrieve("Procedure"))
    said = op("Concatenate", literal("no. "), helper("ToString", part(ref("X"), "id")))
    listed = query(
        both, **{"return": {"expression": said}}, sort={"by": [{"type": "ByDirection", "direction": "asc"}]}
    )
    resources = [{"resourceType": "Procedure", "id": "a"}, {"resourceType": "Condition", "id": "b"}]
    assert value(listed, [{"resourceType": "Patient", "id": "p"}, *resources], includes=HELPERS) == [
        "no. a",
        "no. b",
    ]
