"""The rows of a view, our own table: forEach, repeat, unionAll and where, alone and within each other."""

from __future__ import annotations

import pytest

from ehr_core.kernel.errors import BadRequest, InvalidResource
from pipelines.flatten.standard import compile_standard
from tests.spec.sql_on_fhir.drawn import rows_of

FORM = {
    "resourceType": "QuestionnaireResponse",
    "id": "form",
    "status": "completed",
    "item": [
        {
            "linkId": "a",
            "item": [{"linkId": "a1", "answer": [{"valueInteger": 3, "item": [{"linkId": "a1x"}]}]}],
        },
        {"linkId": "b", "answer": [{"valueInteger": 1}, {"valueInteger": 2}]},
    ],
}
BLANK = {"resourceType": "QuestionnaireResponse", "id": "blank", "status": "in-progress"}
OTHER = {"resourceType": "Patient", "id": "form"}
LINK = {"name": "link", "path": "linkId"}
PLACE = {"name": "place", "path": "%rowIndex"}
VALUE = {"name": "value", "path": "value.ofType(integer)"}
KEY = {"name": "id", "path": "id"}


def rows(*selects, where=()):
    view = {
        "resource": "QuestionnaireResponse",
        "where": [{"path": path} for path in where],
        "select": list(selects),
    }
    return sorted((tuple(row.values()) for row in rows_of(view, [FORM, BLANK, OTHER])), key=repr)


def test_for_each_gives_a_row_an_item_with_its_place():
    assert rows({"forEach": "item", "column": [PLACE, LINK]}) == [(0, "a"), (1, "b")]


def test_for_each_or_null_keeps_a_resource_without_items():
    assert rows({"column": [KEY]}, {"forEachOrNull": "item", "column": [LINK, PLACE]}) == [
        ("blank", None, 0),
        ("form", "a", 0),
        ("form", "b", 1),
    ]


def test_selects_side_by_side_give_every_pair():
    first = {"forEach": "item", "column": [LINK]}
    second = {"forEach": "item.answer", "column": [VALUE]}
    assert rows(first, second) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


def test_repeat_goes_down_to_the_leaves_parents_first():
    found = rows({"column": [KEY]}, {"repeat": ["item", "answer.item"], "column": [PLACE, LINK]})
    assert found == [("form", 0, "a"), ("form", 1, "a1"), ("form", 2, "a1x"), ("form", 3, "b")]


def test_a_for_each_below_a_repeat_and_a_column_beside_both():
    below = {"forEach": "answer", "column": [VALUE]}
    found = rows({"repeat": ["item"], "column": [LINK], "select": [below]}, {"column": [KEY]})
    assert found == [("a1", 3, "form"), ("b", 1, "form"), ("b", 2, "form")]


def test_what_a_repeat_keeps_as_json_is_read_elsewhere_all_the_same():
    top = {"name": "top", "path": "item.linkId.join(',')"}
    assert rows({"column": [top]}, {"repeat": ["item"], "column": [LINK]}) == [
        ("a,b", "a"),
        ("a,b", "a1"),
        ("a,b", "b"),
    ]


def test_a_repeat_within_a_repeat_starts_from_each_item():
    inner = {"repeat": ["item"], "column": [{"name": "below", "path": "linkId"}]}
    assert rows({"repeat": ["item"], "column": [LINK], "select": [inner]}) == [("a", "a1")]


def test_union_all_stacks_its_branches_within_a_for_each():
    options = [
        {"column": [VALUE]},
        {"forEach": "item", "column": [{"name": "value", "path": "linkId.count()"}]},
    ]
    assert rows({"forEach": "item.item.answer", "unionAll": options}) == [(1,), (3,)]


def test_a_list_where_one_value_is_meant_ends_the_run_and_names_the_element():
    with pytest.raises(BadRequest, match=r"^where\[0\].path: more than one value for a side of '>'"):
        rows({"column": [KEY]}, where=["item.answer.value.ofType(integer) > 9"])
    with pytest.raises(BadRequest, match=r"^select\[0\].forEach: more than one value for"):
        rows({"forEach": "item.where(answer.value.ofType(integer) > 9)", "column": [LINK]})


def test_only_resources_of_the_type_that_meet_every_condition_are_kept():
    assert rows({"column": [KEY]}) == [("blank",), ("form",)]
    assert rows({"column": [KEY]}, where=["status = 'completed'", "item.exists()"]) == [("form",)]
    assert (
        rows(
            {"column": [KEY]}, where=["item.answer.value.ofType(integer).first() > 9 or status = 'x'", "true"]
        )
        == []
    )


NAMED = {"column": [{"name": "n", "path": "id"}]}
GOOD = {"resource": "Patient", "select": [NAMED]}


@pytest.mark.parametrize(
    ("view", "complaint"),
    [
        ([], "ViewDefinition: is a JSON object."),
        ({"resource": "Martian", "select": [NAMED]}, "resource: names a FHIR R4 resource type"),
        (
            {"resourceType": "Patient", "resource": "Patient", "select": [NAMED]},
            "resourceType: is ViewDefinition.",
        ),
        ({"resource": "Patient"}, "select: has at least one item."),
        ({"resource": "Patient", "select": {}}, "select: is a list."),
        ({"resource": "Patient", "select": ["x"]}, "select[0]: is a JSON object."),
        ({"resource": "Patient", "select": [{"forEach": "name"}]}, "select: has at least one column."),
        ({"resource": "Patient", "select": [NAMED, NAMED]}, "select: names the column 'n' more than once."),
        ({"resource": "Patient", "select": [{"colum": []}, NAMED]}, "select[0].colum: is no element here"),
        (
            {"resource": "Patient", "select": [{"column": [{"name": "1; DROP", "path": "id"}]}]},
            "select[0].column[0].name: starts with a letter",
        ),
        (
            {"resource": "Patient", "select": [{**NAMED, "forEach": "name", "repeat": ["x"]}]},
            "select[0]: has one of",
        ),
        (
            {"resource": "Patient", "select": [{**NAMED, "repeat": "item"}]},
            "select[0].repeat: is a list of paths.",
        ),
        (
            {"resource": "Patient", "select": [{**NAMED, "repeat": ["name.where(true)"]}]},
            "repeat goes over elements",
        ),
        ({"resource": "Patient", "select": [{**NAMED, "repeat": ["name", "contact"]}]}, "it takes one type"),
        ({**GOOD, "where": [{"path": "name.family"}]}, "where[0].path: where needs a criterion"),
        ({**GOOD, "constant": [{"name": "c", "valueInteger": "1"}]}, "constant[0].valueInteger: is no value"),
        ({**GOOD, "constant": [{"name": "c", "valueCoding": {}}]}, "constant[0].valueCoding: is no value"),
    ],
)
def test_a_view_that_is_none_is_refused_by_its_element(view, complaint):
    with pytest.raises(BadRequest) as refusal:
        compile_standard(view)
    assert complaint in str(refusal.value)


def test_all_that_is_wrong_is_told_at_once():
    view = {
        "resource": "Patient",
        "where": [{"path": "gendr = 'x'"}],
        "select": [
            {"forEach": "nme", "column": [{"name": "a", "path": "family"}]},
            {"column": [{"name": "b", "path": "brithDate"}]},
        ],
    }
    with pytest.raises(InvalidResource) as refusal:
        compile_standard(view)
    assert [issue.expression for issue in refusal.value.issues] == [
        "where[0].path",
        "select[0].forEach",
        "select[1].column[0].path",
    ]
