"""The site's owner of decision support: figures, a rule retired by one, a contraindication by two only."""

from __future__ import annotations

import pytest

from cds.engine import registry
from data_contracts.api.decision_support import Acknowledged, ChooseRule
from ehr_core.kernel.errors import BadRequest, Conflict, Forbidden, NotFound
from tests.integration.chart_records import of, put, put_patient, put_site
from tests.integration.medications.test_prescribing import (
    ASPIRIN,
    NO_KNOWN_ALLERGY,
    WARFARIN,
    draft,
    order,
    taken,
)
from tests.lib.api import running_api

PAIR = "drug_interactions.warfarin-aspirin"
WHY = "The pharmacy calls every such patient"


@pytest.fixture
def api(database, tmp_path):
    with running_api(database, tmp_path) as running:
        put_site(running)
        put_patient(running, "ana")
        put(running, "AllergyIntolerance", "none", patient=of("ana"), **NO_KNOWN_ALLERGY)
        taken(running, "warfarin", WARFARIN)
        yield running


def aspirin():
    return draft(ASPIRIN, "aspirin 81 MG Oral Tablet")


def shown(client):
    return [card.rule_id for card in client.medications.check("ana", aspirin()).cards.cards]


def test_a_rule_that_the_site_retires_is_silent_and_comes_back(api):
    okafor, theo = api.signed_in("okafor", "clinician"), api.signed_in("theo", "pharmacist")
    assert PAIR in shown(okafor)
    decided = theo.decision_support.choose(PAIR, ChooseRule(choice="retire", reason=WHY))
    assert WHY in decided.choice
    assert PAIR not in shown(okafor)
    theo.decision_support.choose(PAIR, ChooseRule(choice="as_written", reason=WHY))
    assert PAIR in shown(okafor)


def test_a_rule_on_another_tier_interrupts(api):
    okafor, theo = api.signed_in("okafor", "clinician"), api.signed_in("theo", "pharmacist")
    theo.decision_support.choose(PAIR, ChooseRule(choice="tier_1", reason=WHY))
    (card,) = okafor.medications.check("ana", aspirin()).cards.interrupting
    with pytest.raises(Conflict, match="reason first"):
        okafor.medications.sign("ana", order(draft=aspirin()))
    answer = Acknowledged(card_key=card.key, reason_code=card.override_reasons[0].code)
    okafor.medications.sign("ana", order(draft=aspirin(), acknowledged=[answer]))
    figures = theo.decision_support.figures()
    (rule,) = [one for one in figures.rules if one.rule_id == PAIR]
    assert (rule.overridden, rule.interrupted) == (1, 2)
    assert figures.interruptions == figures.checks == 2


def test_a_contraindication_is_made_quieter_by_two_people_only(api):
    first, second = api.signed_in("theo", "pharmacist"), api.signed_in("tess", "pharmacist")
    rule = next(one for one in registry().rules.values() if one.needs_two_to_retire and one.retirable)
    waiting = first.decision_support.choose(rule.id, ChooseRule(choice="retire", reason=WHY))
    assert waiting.waits_for_agreement
    with pytest.raises(Conflict, match="second person"):
        first.decision_support.agree(rule.id)
    assert not second.decision_support.agree(rule.id).waits_for_agreement
    with pytest.raises(NotFound):
        second.decision_support.agree(rule.id)


def test_what_says_that_something_could_not_be_checked_is_never_retired(api):
    theo = api.signed_in("theo", "pharmacist")
    with pytest.raises(BadRequest, match="could not be checked"):
        theo.decision_support.choose("unidentified_drug.proposed", ChooseRule(choice="retire", reason=WHY))


@pytest.mark.parametrize("role", ["clinician", "nurse", "admin"])
def test_only_its_owner_decides(api, role):
    with pytest.raises(Forbidden):
        api.signed_in(role, role).decision_support.choose(PAIR, ChooseRule(choice="retire", reason=WHY))
