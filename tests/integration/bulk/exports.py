"""Runs exports in a test and reads what they wrote."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from data_contracts.api.bulk import BulkManifest
from tests.lib.api import RunningApi


def run(api: RunningApi) -> None:
    while api.app.state.bulk_runner.run_one():
        pass


def stored(api: RunningApi, table: str) -> set[str]:
    with api.work() as work:
        rows = work.connection.exec_driver_sql(f'SELECT body FROM fhir."{table}" WHERE NOT deleted')
        return set(rows.scalars())


def finished(api: RunningApi, pipeline, **asked) -> BulkManifest:
    status = pipeline.bulk.start(**asked)
    run(api)
    manifest = pipeline.bulk.look(status)
    assert isinstance(manifest, BulkManifest)
    return manifest


def lines(pipeline, manifest: BulkManifest, resource_type: str) -> list[bytes]:
    return [
        line for file in manifest.output if file.type == resource_type for line in pipeline.bulk.lines(file)
    ]


def ids(pipeline, manifest: BulkManifest, resource_type: str) -> set[str]:
    return {json.loads(line)["id"] for line in lines(pipeline, manifest, resource_type)}


def kicked_off(pipeline, path: str, *parameters: dict[str, Any]) -> str:
    """The status path of an export that is asked for with a Parameters body."""
    body = {"resourceType": "Parameters", "parameter": list(parameters)}
    answer = pipeline.transport.request("POST", path, json=body, headers={"Prefer": "respond-async"})
    return urlsplit(answer.headers["content-location"]).path


def manifest_of(api: RunningApi, pipeline, status: str) -> BulkManifest:
    run(api)
    manifest = pipeline.bulk.look(status)
    assert isinstance(manifest, BulkManifest)
    return manifest
