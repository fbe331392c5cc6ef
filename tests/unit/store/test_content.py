"""What happens to a resource's bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr_core.kernel.errors import InvalidResource
from ehr_core.store.content import Content
from ehr_core.store.references import in_bundle, references, rewrite

AT = datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_only_id_version_and_time_are_set() -> None:
    body = (
        b'{"resourceType":"Observation","meta":{"tag":[{"code":"t"}],"versionId":"9"},'
        b'"value":1.50,"z":1.0e2,"a":-0.0}'
    )

    stored = Content(body, "o-1").at_version(3, AT)

    assert stored == (
        b'{"resourceType":"Observation","id":"o-1",'
        b'"meta":{"versionId":"3","lastUpdated":"2024-01-02T03:04:05.000006Z","tag":[{"code":"t"}]},'
        b'"value":1.50,"z":1.0e2,"a":-0.0}'
    )


def test_a_stored_body_has_the_content_it_came_with() -> None:
    first = Content(b'{"id":"x","resourceType":"Basic","code":{"text":"a"}}', None)
    again = Content(first.at_version(7, AT), None)
    other = Content(b'{"id":"x","resourceType":"Basic","code":{"text":"b"}}', None)

    assert first.content_hash == again.content_hash
    assert first.content_hash != other.content_hash


def test_the_same_content_spaced_differently_is_the_same_content() -> None:
    tight = b'{"resourceType":"Basic","code":{"text":"a b","coding":[{"code":"1.50"}]}}'
    spaced = json.dumps(json.loads(tight)).encode()
    pretty = json.dumps(json.loads(tight), indent=2).encode()
    hashes = {Content(body, "x").content_hash for body in (tight, spaced, pretty)}
    assert len(hashes) == 1
    assert Content(tight.replace(b"a b", b"a  b"), "x").content_hash not in hashes


def test_line_breaks_go_and_digits_stay() -> None:
    pretty = b'{\r\n "resourceType": "Basic",\n "x": [\n  1.50,\n  "a\\nb"\n ]\n}'
    stored = Content(pretty, "x").at_version(1, AT)
    assert b"\n" not in stored
    assert b"1.50" in stored
    assert json.loads(stored)["x"] == [1.5, "a\nb"]


@pytest.mark.parametrize("sent", [b'{"resourceType":"Basic"}', b'{"id":7}', b'{"id":"a b"}', b'{"id":""}'])
def test_a_body_without_a_usable_id_is_refused(sent: bytes) -> None:
    with pytest.raises(InvalidResource):
        Content(sent, None)


numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
values = st.recursive(
    st.none() | st.booleans() | st.text() | numbers.map(Decimal),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=12,
)


@given(numbers, values)
def test_any_number_and_any_value_survive(number: str, value: object) -> None:
    other = json.dumps(value, default=float)
    body = f'{{"resourceType":"Basic","number":{number},"other":{other}}}'.encode()

    stored = Content(body, "x").at_version(1, AT)

    assert f'"number":{number}'.encode() in stored
    assert json.loads(stored)["other"] == json.loads(other)


def test_references_are_replaced_and_nothing_else() -> None:
    body = b'{"a":{"reference": "urn:uuid:1"},"b":{"reference":"Patient/2"},"t":"\\"reference\\": \\"urn:uuid:1\\""}'

    assert list(references(body)) == ["urn:uuid:1", "Patient/2"]
    assert rewrite(body, {"urn:uuid:1": "Patient/1"}.get) == body.replace(
        b'"reference": "urn:uuid:1"', b'"reference": "Patient/1"'
    )


SPELLED = rb'{"a":{"reference":"https:\/\/x\/Patient\/1"},"b":{"reference":"\u0075rn:uuid:1"},"c":{"reference":"\q"}}'


def test_an_escaped_reference_is_the_reference_that_it_spells() -> None:
    assert list(references(SPELLED)) == ["https://x/Patient/1", "urn:uuid:1"]
    found = rewrite(SPELLED, {"https://x/Patient/1": "Patient/2", "urn:uuid:1": "Patient/3"}.get)
    assert found == rb'{"a":{"reference":"Patient/2"},"b":{"reference":"Patient/3"},"c":{"reference":"\q"}}'


TARGETS = {"https://a/Patient/1": "Patient/new", "urn:uuid:x": "Patient/x", "https://a/Patient/2": None}


@pytest.mark.parametrize(
    ("reference", "full_url", "found"),
    [
        ("urn:uuid:x", None, "Patient/x"),
        ("https://a/Patient/1", None, "Patient/new"),
        ("https://a/Patient/1/_history/3", None, "Patient/new"),
        ("Patient/1", "https://a/Observation/9", "Patient/new"),
        ("Patient/1/_history/3", "https://a/Observation/9", "Patient/new"),
        ("Patient/1", "https://b/Observation/9", None),
        ("Patient/1", "urn:uuid:y", None),
        ("Patient/1", None, None),
        ("https://b/Patient/1", "https://a/Observation/9", None),
        ("https://a/Patient/2", None, None),
        ("Patient/3", "https://a/Observation/9", None),
    ],
)
def test_a_relative_reference_stands_on_the_server_of_the_entry_that_refers(
    reference: str, full_url: str | None, found: str | None
) -> None:
    assert in_bundle(reference, full_url, TARGETS) == found
