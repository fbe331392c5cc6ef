"""Immunization forecasts: which doses count, what is next and when, by a dated schedule that a site selects.

Pure: facts in, forecast out. A forecast never says that a vaccine is safe to give; it says what the schedule asks for.
"""

from cds.immunization.forecast import GroupForecast, ImmunizationForecast, Status, forecast
from cds.immunization.schedule import DEFAULT_SCHEDULE, Schedule, schedule, schedules

__all__ = [
    "DEFAULT_SCHEDULE",
    "GroupForecast",
    "ImmunizationForecast",
    "Schedule",
    "Status",
    "forecast",
    "schedule",
    "schedules",
]
