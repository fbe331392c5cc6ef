"""What an expression gives, as SQL: one value or a list, its FHIR type, and how it is read as one, first or all."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ehr_core.kernel.errors import BadRequest
from pipelines.flatten.structure import Used

NOTHING = "nothing"
"""The type of what is empty for certain."""
MORE_THAN_ONE = "more than one value for"
KINDS = {
    **dict.fromkeys(("boolean",), "boolean"),
    **dict.fromkeys(("integer", "positiveInt", "unsignedInt", "integer64"), "integer"),
    **dict.fromkeys(("decimal",), "decimal"),
    **dict.fromkeys(("date", "dateTime", "instant"), "date"),
    **dict.fromkeys(("time",), "time"),
    **dict.fromkeys(("string", "code", "id", "uri", "url", "canonical", "oid", "uuid"), "text"),
    **dict.fromkeys(("markdown", "base64Binary", "xhtml"), "text"),
    NOTHING: NOTHING,
}
"""FHIR's primitive types by what can be done with them; every other type is `complex`."""
NUMBERS = frozenset({"integer", "decimal"})
WORDS = {
    "boolean": "yes or no",
    "integer": "a whole number",
    "decimal": "a number",
    "date": "a date",
    "time": "a time of day",
    "text": "a text",
    NOTHING: "nothing",
}


@dataclass(frozen=True)
class Value:
    """SQL for what an expression gives; null, or a list without items, is the empty collection.

    `many`: the SQL is a list; `holes`: its items may be null, which are no items. `digits`: a number that is still
    text. `used` describes the elements of a complex value. `first_sql` is a shorter way to the first item.
    `origin` is the element that a primitive stands in, and its name there.
    """

    sql: str
    type: str
    used: Used | None = None
    many: bool = False
    holes: bool = False
    digits: bool = False
    first_sql: str | None = None
    origin: tuple[Value, str] | None = None

    @property
    def kind(self) -> str:
        return KINDS.get(self.type, "complex")

    @property
    def in_words(self) -> str:
        return WORDS.get(self.kind, f"a {self.type}")

    @property
    def items(self) -> str:
        """The list of all items."""
        if not self.many:
            return f"CASE WHEN {self.sql} IS NULL THEN [] ELSE [{self.sql}] END"
        return f"list_filter({self.sql}, lambda v: v IS NOT NULL)" if self.holes else self.sql

    @property
    def first(self) -> Value:
        """The first item."""
        sql = self.first_sql or (f"{self.items}[1]" if self.many else self.sql)
        return self.one_of(sql)

    @property
    def is_there(self) -> str:
        if self.first_sql or not self.many:
            return f"({self.first.sql} IS NOT NULL)"
        return f"(coalesce(len({self.items}), 0) > 0)"

    def one_of(self, sql: str) -> Value:
        """One item, reached by that SQL."""
        return replace(self, sql=sql, many=False, holes=False, first_sql=None)

    def single(self, text: str) -> Value:
        """The only item. A resource for which there are more ends the run with an error that names `text`."""
        if not self.many:
            return self
        message = f"{MORE_THAN_ONE} {text}".replace("'", "''")
        return self.one_of(
            f"CASE WHEN len({self.items}) > 1 THEN error('{message}') ELSE {self.items}[1] END"
        )

    @property
    def native(self) -> Value:
        """Numbers as numbers; what cannot be read as one is null. Everything else as it is."""
        if not self.digits:
            return self
        if self.many:
            items = f"list_transform({self.sql}, lambda d: {self._number('d')})"
            return replace(self, sql=items, holes=True, digits=False, first_sql=None)
        return replace(self, sql=self._number(self.sql), digits=False)

    def _number(self, sql: str) -> str:
        return f"try_cast({sql} AS {'BIGINT' if self.kind == 'integer' else 'DOUBLE'})"


EMPTY = Value("NULL", NOTHING)


def located(sql: str, where: str) -> str:
    """The SQL, with the element of the view named in what `single` complains of."""
    return sql.replace(MORE_THAN_ONE, f"{where}: {MORE_THAN_ONE}")


def truth(sql: str) -> Value:
    return Value(sql, "boolean")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def literal(text: str, type_name: str | None) -> Value:
    """A value that is written in the view."""
    if type_name is None:
        return EMPTY
    value = Value(text, type_name)
    if value.kind in NUMBERS:
        return replace(value, sql=f"CAST({text} AS {'BIGINT' if value.kind == 'integer' else 'DOUBLE'})")
    return value if value.kind == "boolean" else replace(value, sql=quoted(text))


def must_be_yes_or_no(value: Value, text: str) -> None:
    """Raises BadRequest for a criterion that is none."""
    if value.kind not in ("boolean", NOTHING):
        raise BadRequest(f"{text} needs a criterion that is true or false; this one gives {value.in_words}")
