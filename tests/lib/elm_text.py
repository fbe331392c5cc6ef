"""ELM in prefix notation, for tables of expressions: `(Add 1 2)`, `(Overlaps:day I[1 5) I[4 null:Integer])`.

Literals are written as in CQL: `1`, `1.5`, `2L`,
`'text'`, `true`, `null`, `@2026-01-05`, `@2026-01T`, `@T10:30`, `5'mg'`,
`1'g':2'mL'`. `null:Integer` is a null of a type, `I[low high)` an interval, `{a b}` a list, `<a=1 b=2>` a tuple. An
operand with a name is written `name=`, a precision or a type after a colon: `(As:Decimal 1)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.measures.elm.columns import (
    Bool,
    Choice,
    Column,
    Dec,
    Int,
    Interval,
    Listing,
    Quantity,
    Ratio,
    Record,
    Text,
)
from pipelines.measures.elm.moments import Moment
from pipelines.measures.elm.plain import plain
from pipelines.measures.elm.texts import Texts

SYSTEM = "{urn:hl7-org:elm-types:r1}"
TOKEN = re.compile(
    r"""\s*(?:
    (?P<open>\(|I\[|I\(|\{|<)|(?P<close>\)|\]|\}|>)
    |(?P<ratio>-?[\d.]+'[^']*':-?[\d.]+'[^']*')
    |(?P<quantity>-?[\d.]+'[^']*')|(?P<number>-?\d+(?:\.\d+)?L?)(?=[\s)\]}>]|$)
    |'(?P<string>(?:[^'\\]|\\.)*)'|@(?P<moment>T?[\d:.TZ+-]+)
    |null(?::(?P<null>\w+(?:<\w+(?:<\w+>)?>)?))?(?=[\s)\]}>]|$)|(?P<name>\w+)=|(?P<word>[A-Za-z]\w*(?::[\w<>]+)?)
    )""",
    re.VERBOSE,
)
TYPED = {"As": "as", "Is": "is", "Convert": "to", "CanConvert": "to"}
PARTS = ("year", "month", "day", "hour", "minute", "second", "millisecond")


def rows(file: Path) -> Iterator[tuple[str, str]]:
    """(expression, expected) of each line `expression => expected`; `#` begins a comment line."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            expression, _, expected = line.rpartition(" => ")
            yield expression, expected


def read(text: str) -> dict:
    """The ELM of an expression. Raises ValueError where the text cannot be read."""
    reader = _Reader(text)
    found = reader.expression()
    if reader.text[reader.at :].strip():
        raise ValueError(f"more than one expression in {text!r}")
    return found


class _Reader:
    def __init__(self, text: str):
        self.text, self.at = text, 0

    def next(self) -> re.Match[str]:
        found = TOKEN.match(self.text, self.at)
        if found is None:
            raise ValueError(f"cannot read {self.text[self.at :]!r}")
        self.at = found.end()
        return found

    def closes(self) -> str | None:
        """The closing bracket that comes next, taken; None when something else comes."""
        found = TOKEN.match(self.text, self.at)
        if found is None or not found["close"]:
            return None
        self.at = found.end()
        return found["close"]

    def expression(self) -> dict:
        found = self.next()
        if found["open"] == "(":
            return self._operator()
        if found["open"] in ("I[", "I("):
            return self._interval(found["open"] == "I[")
        if found["open"]:
            return self._collection(found["open"])
        return _leaf(found)

    def _operator(self) -> dict:
        name, _, extra = self.next()["word"].partition(":")
        elm: dict[str, Any] = {"type": name}
        operands = []
        while not self.closes():
            found = TOKEN.match(self.text, self.at)
            if found and found["name"]:
                self.at = found.end()
                elm[found["name"]] = self.expression()
            else:
                operands.append(self.expression())
        if operands:
            elm["operand"] = (
                operands if len(operands) > 1 or name in ("Coalesce", "Concatenate") else operands[0]
            )
        if extra and name in TYPED:
            elm[f"{TYPED[name]}TypeSpecifier"] = type_specifier(extra)
        elif extra:
            elm["valueType" if name in ("MinValue", "MaxValue") else "precision"] = (
                f"{SYSTEM}{extra}" if name in ("MinValue", "MaxValue") else extra
            )
        return elm

    def _interval(self, low_closed: bool) -> dict:
        low, high = self.expression(), self.expression()
        # A round bracket and a square one both close.
        high_closed = self.closes() == "]"
        return {
            "type": "Interval",
            "low": low,
            "high": high,
            "lowClosed": low_closed,
            "highClosed": high_closed,
        }

    def _collection(self, opened: str) -> dict:
        parts = []
        while not self.closes():
            name = self.next()["name"] if opened == "<" else None
            value = self.expression()
            parts.append({"name": name, "value": value} if name else value)
        return {"type": "Tuple" if opened == "<" else "List", "element": parts}


def type_specifier(text: str) -> dict:
    for wrapper, key in (("Interval", "pointType"), ("List", "elementType")):
        if text.startswith(f"{wrapper}<"):
            inner = type_specifier(text[len(wrapper) + 1 : -1])
            return {"type": f"{wrapper}TypeSpecifier", key: inner}
    return {"type": "NamedTypeSpecifier", "name": f"{SYSTEM}{text}"}


def _leaf(found: re.Match[str]) -> dict:
    if found["ratio"]:
        above, below = found["ratio"].rsplit(":", 1)
        return {"type": "Ratio", "numerator": _quantity(above), "denominator": _quantity(below)}
    if found["quantity"]:
        return {"type": "Quantity", **_quantity(found["quantity"])}
    if found["number"]:
        number = found["number"]
        kind = "Long" if number.endswith("L") else "Decimal" if "." in number else "Integer"
        return _literal(kind, number.removesuffix("L"))
    if found["string"] is not None:
        return _literal("String", re.sub(r"\\(.)", r"\1", found["string"]))
    if found["moment"]:
        return _moment(found["moment"])
    if found["word"] in ("true", "false"):
        return _literal("Boolean", found["word"])
    if found["word"]:
        return {"type": found["word"]}
    if found["null"]:
        return {"type": "As", "operand": {"type": "Null"}, "asTypeSpecifier": type_specifier(found["null"])}
    return {"type": "Null"}


def _quantity(text: str) -> dict:
    value, unit = text.rstrip("'").split("'")
    return {"value": float(value), "unit": unit}


def _literal(kind: str, text: str) -> dict:
    return {"type": "Literal", "valueType": f"{SYSTEM}{kind}", "value": text}


def _moment(text: str) -> dict:
    """A Date, a DateTime (with a T) or a Time (beginning with one), as precise as it is written."""
    if text.startswith("T"):
        kind, parts = "Time", PARTS[3:]
    else:
        kind, parts = ("DateTime" if "T" in text else "Date"), PARTS
    zone = re.search(r"(Z|[+-]\d\d:\d\d)$", text) if kind == "DateTime" and ":" in text else None
    numbers = re.findall(r"\d+", text[: zone.start()] if zone else text)
    elm: dict[str, Any] = {"type": kind}
    for name, number in zip(parts, numbers, strict=False):
        elm[name] = _literal("Integer", str(int(number)))
    if zone:
        hours = 0.0 if zone[0] == "Z" else int(zone[0][:3]) + int(zone[0][0] + zone[0][4:]) / 60
        elm["timezoneOffset"] = _literal("Decimal", str(hours))
    return elm


def written(column: Column, row: int, texts: Texts) -> str:
    """A value as the tables write it; uncertain numbers as `low..high`."""
    if column.nulls()[row]:
        return "null"
    if isinstance(column, Choice):
        return next(written(part, row, texts) for part in column.alternatives if not part.nulls()[row])
    if isinstance(column, Listing):
        places = range(int(column.offsets[row]), int(column.offsets[row + 1]))
        return f"{{{' '.join(written(column.items, place, texts) for place in places)}}}"
    if isinstance(column, Interval):
        low, high = (written(column.part(bound), row, texts) for bound in ("low", "high"))
        shut = [bool(column.part(f"{bound}Closed").values[row] == 1) for bound in ("low", "high")]
        return f"I{'[' if shut[0] else '('}{low} {high}{']' if shut[1] else ')'}"
    if isinstance(column, Ratio):
        return ":".join(written(column.part(name), row, texts) for name in ("numerator", "denominator"))
    if isinstance(column, Quantity):
        unit = plain(column.part("unit"), row, texts)
        return f"{written(column.part('value'), row, texts)}'{unit or '1'}'"
    if isinstance(column, Record):
        return f"<{' '.join(f'{name}={written(part, row, texts)}' for name, part in column.parts.items())}>"
    if isinstance(column, Int) and column.high is not None and column.high[row] != column.values[row]:
        return f"{column.values[row]}..{column.high[row]}"
    value = plain(column, row, texts)
    if isinstance(column, Bool):
        return str(value).lower()
    if isinstance(column, Dec):
        text = f"{value:.8f}".rstrip("0").rstrip(".")
        return "0" if text == "-0" else text
    if isinstance(column, Moment):
        return f"@{'T' if column.kind == 'Time' else ''}{value}"
    return f"'{value}'" if isinstance(column, Text) else str(value)
