"""What decision support says of a chart that is looked at. Nothing interrupts; what is due comes from the care gaps.

Crosses the record (facts), care gaps (what they say is not said twice) and decision support (cards, and the forecast of
vaccinations by the schedule of the site).
"""

from __future__ import annotations

from cds.facts import LOOKING_AT_THE_CHART
from cds.immunization import forecast
from cds.immunization.forecast import GroupForecast
from cds.said_by_gaps import vaccines_of
from data_contracts.api.chart_support import VACCINE_STATUS_WORDS, ChartSupport, VaccineForecast
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.reading import open_gaps
from ehr_core.decision_support.service import Asked, check_proposal
from ehr_core.workflows.patient_facts import build_facts

ORDER = list(VACCINE_STATUS_WORDS)


def read_chart_support(work: UnitOfWork, *, patient_id: str, schedule_id: str) -> ChartSupport:
    """Cards and forecast of one patient. Raises NotFound; a part that cannot be read is said, not left out."""
    work.actor.require("chart.read")
    facts = build_facts(work, patient_id)
    gaps = open_gaps(work, patient_id) if work.actor.may("gap.read") else frozenset()
    checked = check_proposal(
        work,
        Asked(
            patient_id,
            facts.whole,
            facts.visible,
            LOOKING_AT_THE_CHART,
            name=f"chart:{patient_id}:{work.today()}",
            open_gaps=gaps,
        ),
    )
    found = forecast(facts.visible, schedule_id)
    work.audit("chart_support", patient_id=patient_id, detail={"cards": len(checked.cards)})
    return ChartSupport(
        cards=checked.shown(),
        schedule=found.printed,
        unread=list(found.unread),
        vaccines=sorted(
            (_vaccine(group, in_gap=group.group in vaccines_of(gaps)) for group in found.groups),
            key=lambda one: (ORDER.index(one.status), one.title),
        ),
        as_of=found.as_of,
    )


def _vaccine(group: GroupForecast, *, in_gap: bool) -> VaccineForecast:
    return VaccineForecast(
        group=group.group,
        title=group.title,
        status=group.status,
        in_gap=in_gap,
        why=group.why,
        dose_number=group.dose_number,
        earliest_on=group.earliest_on,
        recommended_on=group.recommended_on,
        past_due_on=group.past_due_on,
        advice=group.advice,
        cautions=list(group.cautions),
        not_counted=[f"{one.given.on.isoformat()}: {one.why}" for one in group.verdicts if not one.counts],
    )
