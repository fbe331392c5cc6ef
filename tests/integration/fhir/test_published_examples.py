"""US Core's own examples over the wire: sent as another system would, and read again value for value."""

from __future__ import annotations

import pytest

from tests.integration.fhir.conftest import client_of
from tests.lib.published_examples import CONTRADICT_R4, US_CORE_EXAMPLES, us_core_examples, values

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not US_CORE_EXAMPLES, reason="ALMONER_US_CORE_EXAMPLES names no folder of US Core's examples"
    ),
]


def test_every_valid_example_is_taken_and_read_again_as_it_was_sent(api):
    """Those that stand alone; entries of Bundles are counted in tests/spec/test_us_core.py."""
    client, refused, changed, taken = client_of(api, "clinician"), [], [], 0
    for name, body, _ in us_core_examples():
        if name in CONTRADICT_R4 or ": " in name:
            continue
        if client.send("PUT", f"/{name}", body).status_code != 201:
            refused.append(name)
            continue
        taken += 1
        if values(client.get(f"/{name}").content) != values(body):
            changed.append(name)
    assert (refused, changed) == ([], [])
    assert taken > 170
