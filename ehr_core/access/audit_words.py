"""An audit event as a plain sentence. An act that has no words yet is told by its own name, never hidden."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import Any

WORDS: dict[str, str] = tomllib.loads(
    files("ehr_core.access").joinpath("audit_words.toml").read_text(encoding="utf-8")
)
OPEN_ENDED = re.compile(r"( of| for| about| to| with| into| by|,)$")
"""Words that want a name after them."""

SERVICES = {
    "service:audit-sealer": "The seal of the audit log",
    "service:accounting": "The accounting of disclosures",
    "service:audit-watch": "The watch over the audit log",
    "service:cds-hooks": "The CDS Hooks service",
    "service:clinic-clock": "The results and orders desk",
    "service:outside-sign-in": "The other sign-in",
    "service:pipeline": "The nightly pipeline",
    "service:remeasure": "The re-measure worker",
    "service:seed": "The demonstration's seed",
    "service:sign-in": "The sign-in page",
}

OPERATOR = "operator:"
"""What the id of somebody at the command line begins with; the name in the operating system follows."""


def actor_words(actor_id: str | None, actor_name: str | None) -> str:
    """A person's name, a service's, or what is known."""
    if actor_id is None:
        return "Somebody who was not signed in"
    if actor_id.startswith(OPERATOR):
        return f"{actor_id.removeprefix(OPERATOR)} at the command line"
    return actor_name or SERVICES.get(actor_id, actor_id)


def acts_in_words() -> list[tuple[str, str]]:
    """(act, words) of every act that has words, by its words: what the log may be narrowed to."""
    told = ((act, f"{words[:1].upper()}{words[1:]}".rstrip(",")) for act, words in WORDS.items())
    return sorted(((act, OPEN_ENDED.sub("", words)) for act, words in told), key=lambda one: one[1].lower())


def sentence(
    *,
    actor: str,
    act: str,
    outcome: str,
    resource_type: str | None,
    resource_id: str | None,
    patients: int | None,
    detail: dict[str, Any] | None,
) -> str:
    """'Dr Chen read Observation 123'; whom a service did it for; for a refusal, that it was refused and why."""
    named = act.replace(".", ": ").replace("_", " ")
    words = WORDS.get(act, f"did '{named}' on" if resource_type else f"did '{named}'")
    parts = [actor, words]
    many = None if patients is None else f"{patients} {'patient' if patients == 1 else 'patients'}"
    if resource_type and resource_type != "Account":
        parts.append(" ".join(filter(None, (resource_type, resource_id))))
    elif OPEN_ENDED.search(words):
        parts.append(many or "a patient")
        many = None
    if many:
        parts.append(f"({many})")
    operator = (detail or {}).get("operator")
    if operator and operator != actor:
        parts.append(f"for {operator} at the command line")
    told = " ".join(parts)
    if outcome == "success":
        return told
    reason = (detail or {}).get("reason")
    return f"{told}: {outcome}" + (f" ({reason})" if reason else "")
