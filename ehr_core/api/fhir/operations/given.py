"""What an operation is given: query parameters, or a Parameters resource in the body; each named value once."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request

from ehr_core.api.fhir.exchange import CONTROLS, FORM, JSON_TYPES, UnsupportedMediaType, media_type_of
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_json import decode
from ehr_core.store.validation import validate


class Given:
    """The parameters of one call. Raises BadRequest, naming it, for one that the operation does not take."""

    def __init__(
        self, request: Request, body: bytes, known: frozenset[str], repeated: frozenset[str] = frozenset()
    ):
        self._values: dict[str, Any] = {}
        self._known, self._repeated = known, repeated
        for name, value in request.query_params.multi_items():
            self._add(name, value)
        if not body:
            return
        kind = media_type_of(request)
        if kind == FORM:
            for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
                self._add(name, value)
        elif kind in JSON_TYPES:
            self._read(body)
        else:
            raise UnsupportedMediaType("Send Parameters as application/fhir+json.")

    def _read(self, body: bytes) -> None:
        validate("Parameters", body)
        for part in decode(body).get("parameter", ()):
            value = next((part[key] for key in part if key.startswith("value")), part.get("resource"))
            self._add(part["name"], value)

    def _add(self, name: str, value: Any) -> None:
        if name in CONTROLS:
            return
        if name not in self._known:
            raise BadRequest(f"This operation takes {', '.join(sorted(self._known))}, and nothing else.")
        if name in self._repeated:
            self._values.setdefault(name, []).append(value)
            return
        if name in self._values:
            raise BadRequest(f"The parameter '{name}' is given twice.")
        self._values[name] = value

    def value(self, name: str) -> Any:
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        found = self._values.get(name)
        if found is not None and not isinstance(found, str):
            raise BadRequest(f"The parameter '{name}' is a text.")
        return found

    def required(self, name: str) -> str:
        found = self.text(name)
        if not found:
            raise BadRequest(f"The parameter '{name}' is required.")
        return found

    def texts(self, name: str) -> list[str]:
        """Every value of a parameter that may be repeated."""
        found = self._values.get(name, [])
        if any(not isinstance(one, str) for one in found):
            raise BadRequest(f"The parameter '{name}' is a text.")
        return list(found)

    def day(self, name: str) -> date | None:
        """A whole day; a moment's day. Raises BadRequest for what is no date."""
        found = self.text(name)
        try:
            return date.fromisoformat(found[:10]) if found else None
        except ValueError:
            raise BadRequest(f"The parameter '{name}' is a day such as 2026-01-01.") from None

    def number(self, name: str, default: int, highest: int) -> int:
        found = self._values.get(name, default)
        text = str(found)
        if isinstance(found, bool) or not text.isascii() or not text.isdigit() or len(text) > 9:
            raise BadRequest(f"The parameter '{name}' is a whole number.")
        return min(int(text), highest)

    def truth(self, name: str, default: bool = False) -> bool:
        found = self._values.get(name, default)
        if found in (True, "true"):
            return True
        if found in (False, "false"):
            return False
        raise BadRequest(f"The parameter '{name}' is true or false.")


def parameters(**values: Any) -> bytes:
    """A Parameters resource; a None is left out."""
    made = []
    for name, value in values.items():
        if value is not None:
            kind = (
                "valueBoolean"
                if isinstance(value, bool)
                else "valueCode"
                if name == "outcome"
                else "valueString"
            )
            made.append({"name": name, kind: value})
    return json.dumps({"resourceType": "Parameters", "parameter": made}).encode()
