"""Where a number lies against its usual range, in steps that become words. Pure.

The words say how far outside, never how serious: that is for the care team. The steps are shares of a scale:
the width of the range, or the bound itself when the range has one bound only. Below a range that starts above
zero the scale is never wider than the lower bound, or a value near zero would still read as near the range.

`A_LITTLE` and `WELL` are ours and no clinician has reviewed them. They were set so that common differences read
calmly (people took near-normal values on a number line as less urgent than in a table, and extreme ones just as
seriously: Zikmund-Fisher et al., JAMIA 2017;24(3):520-528), and so that, where a range has two bounds, a value "well"
above it is also beyond the end of the number line. tests/unit/screens/test_portal_range.py draws what they mean.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

Place = Literal["within", "a_little_above", "above", "well_above", "a_little_below", "below", "well_below"]
Side = Literal["above", "below"]

A_LITTLE = Decimal("0.1")
"""Up to this share of the scale outside the range is "a little" outside."""

WELL = Decimal("0.5")
"""More than this share of the scale outside is "well" outside: the number line shows as much on either side."""


def place_in_range(
    number: Decimal | None, low: Decimal | None, high: Decimal | None, flag: str | None = None
) -> Place | None:
    """Null without a number, without a bound, and where the laboratory's own flag says otherwise than its range.

    A value that the laboratory itself calls critical (HH, LL) is "well" outside, however near it lies.
    """
    if number is None or (low is None and high is None) or _upside_down(low, high):
        return None
    side = _side(number, low, high)
    if _contradicts(flag, side):
        return None
    if side is None:
        return "within"
    step = "well_" if flag in ("HH", "LL") else _step(_share_outside(number, low, high, side))
    return f"{step}{side}"  # type: ignore[return-value]


def _upside_down(low: Decimal | None, high: Decimal | None) -> bool:
    return low is not None and high is not None and high <= low


def _side(number: Decimal, low: Decimal | None, high: Decimal | None) -> Side | None:
    """The bounds themselves are within."""
    if low is not None and number < low:
        return "below"
    return "above" if high is not None and number > high else None


def _contradicts(flag: str | None, side: Side | None) -> bool:
    said = {"H": "above", "HH": "above", "L": "below", "LL": "below", "N": None}
    return flag in said and said[flag] != side


def _step(share: Decimal | None) -> str:
    if share is None:
        return ""
    return "a_little_" if share <= A_LITTLE else "well_" if share > WELL else ""


def _share_outside(number: Decimal, low: Decimal | None, high: Decimal | None, side: Side) -> Decimal | None:
    """How far outside, as a share of the scale; null when there is no scale (a single bound of zero or less)."""
    bound = low if side == "below" else high
    scale = high - low if low is not None and high is not None else bound
    if side == "below" and low is not None and low > 0:
        scale = min(scale, low)
    return abs(number - bound) / scale if scale > 0 else None
