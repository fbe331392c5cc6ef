"""One HTTP exchange with the API: timeouts, errors mapped back to our classes, retries of safe reads only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from ehr_core.kernel import errors
from ehr_core.kernel.errors import AlmonerError, InvalidResource, Issue, SignInRequired, Unavailable

TIMEOUT = httpx.Timeout(30.0, connect=3.0)
"""Seconds. Long enough for a transaction bundle; an unreachable API is known after three."""

GET_ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.1
"""Pause before the second attempt at a read; doubled for the third."""

Model = TypeVar("Model", bound=BaseModel)
TokenSource = Callable[[], str]
"""Gives a token that is good now. An object with `renew()` is asked for a fresh one after a 401."""


class Transport:
    """What every room of the client speaks through. `http` is handed in by tests, to stay in the process."""

    def __init__(
        self, base_url: str, token_source: TokenSource | None, http: httpx.BaseTransport | None = None
    ):
        self._token_source = token_source
        self._http = httpx.Client(base_url=base_url, timeout=TIMEOUT, transport=http, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def get(
        self, path: str, model: type[Model], params: Mapping[str, Any] | BaseModel | None = None
    ) -> Model:
        return model.model_validate_json(self.request("GET", path, params=_query(params)).content)

    def post(self, path: str, model: type[Model], body: BaseModel | None = None) -> Model:
        return model.model_validate_json(self._send_model("POST", path, body).content)

    def put(self, path: str, model: type[Model], body: BaseModel | None = None) -> Model:
        return model.model_validate_json(self._send_model("PUT", path, body).content)

    def patch(self, path: str, model: type[Model], body: BaseModel | None = None) -> Model:
        return model.model_validate_json(self._send_model("PATCH", path, body).content)

    def send(self, method: str, path: str, body: BaseModel | None = None) -> None:
        """For acts without an answer."""
        self._send_model(method, path, body)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, or one of our errors. A GET is tried again while the API is away; nothing else ever is."""
        attempts = GET_ATTEMPTS if method == "GET" else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._authorized(method, path, **options)
            except Unavailable:
                if attempt == attempts:
                    raise
                time.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        raise Unavailable("The server cannot be reached.")

    @contextmanager
    def stream(self, method: str, path: str, **options: Any) -> Iterator[httpx.Response]:
        """An answer that is read piece by piece; errors are raised before the first piece."""
        try:
            with self._http.stream(
                method, path, headers=self._headers(options.pop("headers", None)), **options
            ) as answer:
                if answer.is_error:
                    answer.read()
                    raise error_of(answer)
                yield answer
        except httpx.TransportError as error:
            raise _unreachable(error) from error

    def _send_model(self, method: str, path: str, body: BaseModel | None) -> httpx.Response:
        if body is None:
            return self.request(method, path)
        content = body.model_dump_json().encode()
        return self.request(method, path, content=content, headers={"Content-Type": "application/json"})

    def _authorized(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Sends with the token; after a 401 once more with a fresh one (nothing was done under a bad token)."""
        headers = options.pop("headers", None)
        try:
            return self._exchange(method, path, headers=self._headers(headers), **options)
        except SignInRequired:
            renew = getattr(self._token_source, "renew", None)
            if renew is None:
                raise
            renew()
            return self._exchange(method, path, headers=self._headers(headers), **options)

    def _exchange(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise _unreachable(error) from error
        if answer.is_error:
            raise error_of(answer)
        return answer

    def _headers(self, headers: Mapping[str, str] | None) -> dict[str, str]:
        given = dict(headers or {})
        if self._token_source is not None:
            given["Authorization"] = f"Bearer {self._token_source()}"
        return given


def segment(value: str) -> str:
    """An id as one segment of an address: whatever it holds, it cannot lead to another route."""
    if value in ("", ".", ".."):
        raise errors.NotFound("There is nothing under this id.")
    return quote(value, safe="")


def error_of(answer: httpx.Response) -> AlmonerError:
    """The error that the API meant, by its class name, else by its status."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    if body.get("resourceType") == "OperationOutcome":
        return _from_outcome(answer.status_code, body)
    cls = _class_named(body.get("error")) or _class_for(answer.status_code)
    issues = [Issue(**issue) for issue in body.get("issues", [])]
    error = _make(cls, str(body.get("message") or _silent(answer.status_code)), issues)
    if isinstance(error, errors.TimeTaken):
        error.alternatives = tuple(body.get("alternatives") or ())
    return error


def _from_outcome(status: int, body: dict[str, Any]) -> AlmonerError:
    entries = body.get("issue", [])
    issues = [
        Issue(
            entry["expression"][0],
            entry.get("diagnostics", "").removeprefix(f"{entry['expression'][0]}: "),
            entry.get("code", "structure"),
        )
        for entry in entries
        if entry.get("expression")
    ]
    message = "; ".join(entry.get("diagnostics", "") for entry in entries) or _silent(status)
    return _make(_class_for(status), message, issues)


def _make(cls: type[AlmonerError], message: str, issues: list[Issue]) -> AlmonerError:
    if issubclass(cls, InvalidResource):
        return InvalidResource(issues or [Issue("the resource", message)])
    return cls(message)


def _class_named(name: object) -> type[AlmonerError] | None:
    cls = getattr(errors, name, None) if isinstance(name, str) else None
    return cls if isinstance(cls, type) and issubclass(cls, AlmonerError) else None


def _class_for(status: int) -> type[AlmonerError]:
    """The class of a status. A proxy's 502 or 504 is the API being away."""
    by_status = {
        400: errors.BadRequest,
        401: errors.SignInRequired,
        403: errors.Forbidden,
        404: errors.NotFound,
        409: errors.Conflict,
        410: errors.Gone,
        412: errors.StaleVersion,
        413: errors.TooMuch,
        422: errors.InvalidResource,
        429: errors.TooMuch,
        502: errors.Unavailable,
        503: errors.Unavailable,
        504: errors.Unavailable,
    }
    return by_status.get(status, errors.BadRequest if 400 <= status < 500 else AlmonerError)


def _silent(status: int) -> str:
    return f"The server answered {status} without saying why."


def _unreachable(error: httpx.TransportError) -> Unavailable:
    if isinstance(error, httpx.TimeoutException):
        return Unavailable(
            "The server did not answer in time. Look whether it was done before you try again."
        )
    return Unavailable("The server cannot be reached. Try again in a minute.")


def _query(params: Mapping[str, Any] | BaseModel | None) -> dict[str, Any]:
    """Query parameters without the absent ones."""
    given = params.model_dump(mode="json") if isinstance(params, BaseModel) else dict(params or {})
    return {name: value for name, value in given.items() if value is not None}
