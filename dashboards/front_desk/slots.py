"""Free times as buttons, grouped by day; a refusal's nearest times are offered the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.front_desk.calendar_layout import day_words
from data_contracts.api.scheduling import Slot
from ehr_core.display import show_time
from ehr_core.kernel.errors import TimeTaken

ACROSS = 4


def slot_words(slot: Slot) -> str:
    """Time and clinician, with the site's own clock named where it is another."""
    local = slot.starts_at.astimezone(ZoneInfo(slot.time_zone))
    zone = f" {local:%Z}"
    mine = " ★" if slot.own_clinician else ""
    return f"{show_time(slot.starts_at, slot.time_zone)}{zone} · {slot.provider_name}{mine}"


def show_slots(slots: Iterable[Slot], choose: Callable[[Slot], None], *, key: str) -> None:
    """A button a slot, in order of day and time; what is pressed is handed on."""
    ordered = sorted(slots, key=lambda slot: (slot.starts_at, slot.provider_name))
    for day, of_day in groupby(
        ordered, key=lambda slot: slot.starts_at.astimezone(ZoneInfo(slot.time_zone)).date()
    ):
        st.markdown(f"**{day_words(day)}**")
        listed = list(of_day)
        for begin in range(0, len(listed), ACROSS):
            places = st.columns(ACROSS)
            for place, slot in zip(places, listed[begin : begin + ACROSS], strict=False):
                name = f"{key}-{slot.provider}-{slot.starts_at.isoformat()}"
                if place.button(slot_words(slot), key=name, width="stretch", help=slot.site_name or None):
                    choose(slot)


def alternatives(error: TimeTaken) -> list[Slot]:
    """The nearest free times that a refusal carries."""
    return [Slot(**one) for one in error.alternatives]
