"""The errors Almoner raises: sentences with a class.

AlmonerError
├── BadRequest            the request itself cannot be understood
│   ├── InvalidResource   a FHIR resource breaks a rule; carries the failing elements
│   └── BadSetting        an environment variable has a value that it cannot have
├── SignInRequired        no valid session or token
├── Forbidden             signed in, but not allowed
├── NotFound              nothing there that this actor may see
├── Gone                  it was here and is deleted, or has expired
├── Conflict              it clashes with what is stored
│   ├── StaleVersion      somebody else saved a newer version first
│   └── TimeTaken         a person, room or device is booked then; carries the nearest times that are free
├── TooMuch               a limit of size, rate or number
├── ContractBreached      a table breaks its contract; carries the breaches
├── JobFailed             a job in the background came to no good end, and will come to none
└── Unavailable           a part that is needed cannot be reached
    └── StartupFailed     a service could not be started

Messages say what, which and what to do next, and never hold patient data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class AlmonerError(Exception):
    """A failure that a person can act on. Each class knows its HTTP status, exit code and FHIR issue code."""

    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    fhir_issue_code: ClassVar[str] = "exception"

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


class BadRequest(AlmonerError):
    http_status, exit_code, fhir_issue_code = 400, 2, "invalid"


@dataclass(frozen=True)
class Issue:
    """One thing wrong in a resource: where (a FHIRPath such as `Observation.status`) and what, without values.

    A `severity` of warning or information is told and refuses nothing.
    """

    expression: str
    message: str
    code: str = "structure"
    severity: str = "error"


class InvalidResource(BadRequest):
    http_status, fhir_issue_code = 422, "structure"

    def __init__(self, issues: list[Issue]):
        self.issues = issues
        super().__init__("; ".join(f"{issue.expression}: {issue.message}" for issue in issues))


class BadSetting(BadRequest):
    pass


class SignInRequired(AlmonerError):
    http_status, exit_code, fhir_issue_code = 401, 4, "login"


class Forbidden(AlmonerError):
    http_status, exit_code, fhir_issue_code = 403, 4, "forbidden"


class NotFound(AlmonerError):
    http_status, exit_code, fhir_issue_code = 404, 5, "not-found"


class Gone(AlmonerError):
    http_status, exit_code, fhir_issue_code = 410, 5, "deleted"


class Conflict(AlmonerError):
    http_status, exit_code, fhir_issue_code = 409, 6, "conflict"


class StaleVersion(Conflict):
    http_status = 412


class TimeTaken(Conflict):
    """`actor` is who or what is booked already, such as 'Location/…'; null when it is not told. `alternatives` are
    free times as plain JSON objects, nearest first; empty when nobody has looked for any."""

    def __init__(self, message: str, *, actor: str | None = None, alternatives: tuple[dict, ...] = ()):
        self.actor = actor
        self.alternatives = alternatives
        super().__init__(message)


class TooMuch(AlmonerError):
    http_status, exit_code, fhir_issue_code = 429, 7, "throttled"


class ContractBreached(AlmonerError):
    """What is downstream keeps the last good results. `short` is for screens; `breaches` say which table and column."""

    exit_code, fhir_issue_code = 10, "processing"

    def __init__(self, message: str, *, short: str, breaches: tuple[object, ...]):
        self.short = short
        self.breaches = breaches
        super().__init__(message)


class JobFailed(AlmonerError):
    """Nothing that passes: whoever follows the job need not ask again."""

    exit_code = 8


class Unavailable(AlmonerError):
    http_status, exit_code, fhir_issue_code = 503, 8, "transient"


class StartupFailed(Unavailable):
    exit_code = 9
