"""Examples that others have published, in folders that were fetched by hand, and whether they stay as they are."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ehr_core.kernel.sealed_body import opened
from ehr_core.store.content import Content
from tests.lib.shared_data import shared_data

US_CORE_EXAMPLES = os.environ.get("ALMONER_US_CORE_EXAMPLES", "")
CONTRADICT_R4 = {
    "DiagnosticReport/cbc": "a narrative without the div that R4 requires: the guide's publisher writes it",
    "Procedure/defib-implant": "occurrencePeriod of a later FHIR; only such versions are to be had",
}
"""Examples as US Core's repository has them, each of which breaks a rule of R4 itself."""


def us_core_examples() -> Iterator[tuple[str, bytes, str | None]]:
    """(Type/id, body, profile that the guide names for it) of the examples in the folder, entries of Bundles too."""
    profiles = {
        one["reference"]["reference"]: one.get("exampleCanonical")
        for one in _guide(shared_data("us-core"))["definition"]["resource"]
    }
    for path in sorted(Path(US_CORE_EXAMPLES).glob("*.json")):
        body = path.read_bytes()
        found = json.loads(body)
        if found["resourceType"] == "Bundle":
            for entry in found["entry"]:
                resource = entry["resource"]
                yield f"{path.stem}: {resource['resourceType']}", json.dumps(resource).encode(), None
        else:
            name = f"{found['resourceType']}/{found['id']}"
            yield name, body, profiles.get(name)


def _guide(package: Path) -> dict:
    """The ImplementationGuide resource of a package: it names its examples, and the profile that each keeps."""
    with tarfile.open(next(package.glob("*.tgz"))) as files:
        (name,) = (one for one in files.getnames() if one.startswith("package/ImplementationGuide-"))
        return json.load(files.extractfile(name))


def values(body: bytes) -> dict:
    """Every value as it is written (`1.50` is not `1.5`), but for what a store itself says in `meta`."""
    found = json.loads(body, parse_float=str, parse_int=str)
    meta = found.setdefault("meta", {})
    meta.pop("versionId", None)
    meta.pop("lastUpdated", None)
    return found


def goes_out_as_it_came(body: bytes) -> bool:
    stored = Content(body, json.loads(body)["id"]).at_version(1, datetime.now(UTC))
    return values(opened(stored)) == values(body)
