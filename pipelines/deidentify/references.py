"""The forms a FHIR reference is written in, and how each is rewritten to point at the pseudonymous resource."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

RELATIVE = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
URN = re.compile(r"urn:(?:uuid|oid):([A-Za-z0-9\-.]{1,64})")
CONTAINED_DOMAIN = "contained"
URN_DOMAIN = "urn"


@dataclass(frozen=True)
class ReferenceForms:
    """Rewrites references.

    `own_bases` are the server's own addresses: an absolute reference below one is ours, any other is dropped.
    `urn_target` names, per element, the type that a bare `urn:uuid:` points at; without one the rewritten urn still
    joins with others of its kind, but with no resource. A reference to a type not in `known_types` is dropped.
    """

    pseudonym: Callable[[str, str], str]
    own_bases: tuple[str, ...]
    urn_target: Mapping[str, str]
    known_types: frozenset[str]

    def rewriter(self, path: str) -> Callable[[str], str | None]:
        """The rewriting of one element's references; None means that it must be dropped."""
        *_, element, _reference = ("", *path.split("."))
        target = self.urn_target.get(element.removesuffix("[]"))

        def rewrite(text: str) -> str | None:
            if text.startswith("#"):
                return f"#{self.pseudonym(CONTAINED_DOMAIN, text[1:])}" if len(text) > 1 else text
            if text.startswith("urn:"):
                return self._urn(text, target)
            match = RELATIVE.fullmatch(self._without_own_base(text))
            if not match or match[1] not in self.known_types:
                return None
            return f"{match[1]}/{self.pseudonym(match[1], match[2])}"

        return rewrite

    def _urn(self, text: str, target: str | None) -> str | None:
        match = URN.fullmatch(text)
        if not match:
            return None
        if target:
            return f"{target}/{self.pseudonym(target, match[1])}"
        return f"urn:uuid:{self.pseudonym(URN_DOMAIN, match[1])}"

    def _without_own_base(self, text: str) -> str:
        for base in self.own_bases:
            if text.startswith(base):
                return text[len(base) :].lstrip("/")
        return text
