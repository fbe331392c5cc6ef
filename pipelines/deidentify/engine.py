"""De-identifies resources, line by line, by one profile under one key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

import msgspec

from data_contracts.units import known_units
from ehr_core.kernel.errors import BadRequest
from pipelines.deidentify.boundary import Boundary
from pipelines.deidentify.codes import fitting
from pipelines.deidentify.profile import Profile
from pipelines.deidentify.references import ReferenceForms
from pipelines.deidentify.report import DropReport, Quarantined, TypeCount
from pipelines.deidentify.shapes import Compiler
from pipelines.deidentify.treatments import RecordCodes, Refused, Tools

COUNT_AFTER = 50_000
REMEMBERED_CODES = 200_000


class Deidentifier:
    """Scrubs lines of FHIR JSON. Keep one for many lines: compiling the allow-list costs more than a thousand lines.

    `codes` gives the pseudonyms: a PseudonymKey, or RandomSurrogates for the safe-harbor zone.
    `own_bases` are the server's own addresses, below which an absolute reference is one of ours.
    `published` are the words that the logic of official measures gives its codes: CQL compares a code with them.
    `on_refused` is told the type and the line, identified as it came, of each that is held back.
    `as_of` decides who is over the oldest age shown; profiles that show years only need it.
    Not thread-safe: a thread or process has its own.
    """

    def __init__(
        self,
        profile: Profile,
        codes: RecordCodes,
        *,
        own_bases: Sequence[str] = (),
        published: frozenset[str] = frozenset(),
        as_of: date | None = None,
        on_refused: Callable[[str, bytes], None] = lambda resource_type, line: None,
    ):
        if "oldest_age_shown" in profile.rules and as_of is None:
            raise BadRequest(
                f"The '{profile.name}' profile hides ages: say as of which day they are counted."
            )
        self.profile = profile
        self._on_refused = on_refused
        self._report = DropReport(profile.name, profile.version, codes.key_id)
        self._tools = Tools(
            codes=codes,
            reference_forms=ReferenceForms(
                _remembered(codes), tuple(own_bases), profile.urn_target, profile.resource_types
            ),
            known_units=known_units(),
            code_systems={system: fitting(rule) for system, rule in profile.code_systems.items()},
            canonicals={base: fitting(rule) for base, rule in profile.canonicals.items()},
            published=published,
            words={name: frozenset(words) for name, words in profile.words.items()},
            resource_types=profile.resource_types,
            rules=profile.rules,
            as_of=as_of,
        )
        self._compiler = Compiler(profile, self._tools)
        self._boundaries: dict[str, Boundary] = {}
        self._withheld = tuple(f'"{code}"'.encode() for code in profile.rules.get("withheld_codes", ()))

    @property
    def report(self) -> DropReport:
        self._count_dropped()
        return self._report

    def scrub(self, resource_type: str, line: bytes) -> bytes | None:
        """The scrubbed line; None when it was withheld, quarantined, or of a type that the profile does not list."""
        return next(self.scrub_lines(resource_type, (line,)), None)

    def scrub_lines(self, resource_type: str, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The scrubbed lines, without line ends; blank lines are skipped. The report tells about the others."""
        count = self._report.of(resource_type)
        if resource_type not in self.profile.resources:
            for line in lines:
                count.lines_in += 1 if line.strip() else 0
                count.unlisted = count.lines_in
            return
        scrub, dropped = self._boundary(resource_type).scrub, self._tools.dropped
        for line in lines:
            count.lines_in += 1
            mark = len(dropped)
            try:
                scrubbed = scrub(line)
            except (Refused, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                del dropped[mark:]
                self._hold_back(resource_type, line, error)
                continue
            if mark > COUNT_AFTER:
                self._count_dropped()
            if self._withheld and any(code in scrubbed for code in self._withheld):
                count.withheld += 1
                continue
            count.lines_out += 1
            yield scrubbed

    def _hold_back(self, resource_type: str, line: bytes, error: Exception) -> None:
        count = self._report.of(resource_type)
        if line.strip():
            self._report.hold_back(_quarantined(resource_type, count, error))
            self._on_refused(resource_type, line)
        else:
            count.lines_in -= 1

    def _boundary(self, resource_type: str) -> Boundary:
        boundary = self._boundaries.get(resource_type)
        if boundary is None:
            boundary = self._boundaries[resource_type] = self._compiler.resource(resource_type)
        return boundary

    def _count_dropped(self) -> None:
        self._report.add_dropped(self._tools.dropped)
        self._tools.dropped.clear()


def _remembered(codes: RecordCodes):
    """The pseudonyms of referenced resources, remembered: a patient is referenced by each of its resources."""
    known: dict[tuple[str, str], str] = {}

    def pseudonym(resource_type: str, resource_id: str) -> str:
        found = known.get((resource_type, resource_id))
        if found is None:
            if len(known) >= REMEMBERED_CODES:
                known.clear()
            found = known[(resource_type, resource_id)] = codes.pseudonym(resource_type, resource_id)
        return found

    return pseudonym


def _quarantined(resource_type: str, count: TypeCount, error: Exception) -> Quarantined:
    """Why, in words of ours: a library's message may quote the value that it stumbled on."""
    if isinstance(error, Refused):
        return Quarantined(resource_type, count.lines_in, error.reason, error.path)
    if isinstance(error, msgspec.ValidationError):
        message = str(error)
        reason = "missing_element" if message.startswith("Object missing") else "wrong_type"
        _, found, path = message.rpartition(" - at `$")
        return Quarantined(
            resource_type, count.lines_in, reason, resource_type + path.rstrip("`") if found else None
        )
    return Quarantined(resource_type, count.lines_in, "malformed")
