"""The profile over a real database: every part is saved under the version that was drawn, in the right record."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from PIL import Image

from dashboards.shared.banner import banner_html
from data_contracts.api.demographics import (
    CareTeamFacts,
    CareTeamMember,
    CoverageFacts,
    DirectiveFacts,
    Heritage,
    NameEntry,
    ProxyFacts,
    SaveCard,
    SaveConsent,
    SaveCoverage,
    SaveDemographics,
    SaveDirective,
    SavePicture,
    SaveProxy,
)
from ehr_core.kernel.errors import Conflict, Forbidden, InvalidResource, NotFound, StaleVersion
from ehr_core.store.channel_consents import consents
from tests.integration.chart_records import body_of, put_patient


def picture(color="teal"):
    made = io.BytesIO()
    Image.new("RGB", (900, 600), color).save(made, "PNG")
    return base64.b64encode(made.getvalue()).decode()


def save(desk, patient_id="ana", *, version=None, **changes):
    profile = desk.profile.read(patient_id)
    facts = profile.facts.model_copy(update=changes)
    return desk.profile.save_demographics(
        patient_id, SaveDemographics(version_id=version or profile.version_id, facts=facts)
    )


def test_demographics_are_saved_and_stand_in_the_banner_and_the_search(desk, ana):
    profile = desk.profile.read("ana")
    names = [
        *profile.facts.names,
        NameEntry(use="usual", given="Anita", family="Reyes"),
        NameEntry(use="maiden", family="Soto", given="Ana", end="1999"),
    ]
    save(
        desk, names=names, pronouns="LA29519-8", language="es", interpreter_required=True, clinician_id="chen"
    )
    banner = desk.registration.banner("ana")
    assert (banner.name.used, banner.language, banner.interpreter_required) == ("Anita", "Spanish", True)
    assert (banner.pronouns, banner.clinician) == ("she/her/her/hers/herself", "Dr Ada Chen")
    assert [hit.patient_id for hit in desk.registration.search("Soto").hits] == ["ana"], (
        "the maiden name finds her"
    )


def test_saving_what_stands_there_makes_no_version(desk, ana):
    before = desk.profile.read("ana").version_id
    assert save(desk).version_id == before


def test_the_second_editor_is_told_shown_the_difference_and_loses_nothing(api, desk, ana):
    drawn = desk.profile.read("ana")
    other = api.signed_in("robin", "front_desk")
    save(other, birth_date="1972-03-15", race=Heritage(answer="declined"))
    mine = drawn.facts.model_copy(update={"pharmacy": "Elm Pharmacy"})
    with pytest.raises(StaleVersion):
        desk.profile.save_demographics("ana", SaveDemographics(version_id=drawn.version_id, facts=mine))
    told = desk.profile.changes_since("ana", drawn.version_id)
    assert told.changed_by == "Robin"
    assert [(change.label, change.was, change.now) for change in told.changes] == [
        ("Birth date", "14-Mar-1972", "15-Mar-1972"),
        ("Race", None, "Declined to answer"),
    ]
    again = told.facts.model_copy(update={"pharmacy": "Elm Pharmacy"})
    desk.profile.save_demographics("ana", SaveDemographics(version_id=told.version_id, facts=again))
    kept = desk.profile.read("ana").facts
    assert (kept.birth_date, kept.pharmacy) == ("1972-03-15", "Elm Pharmacy")


def test_of_two_who_save_at_once_one_is_told(api, ana):
    clerks = [api.signed_in(f"desk{number}", "front_desk") for number in range(4)]
    drawn = clerks[0].profile.read("ana")

    def edit(number):
        facts = drawn.facts.model_copy(update={"pharmacy": f"Pharmacy {number}"})
        try:
            clerks[number].profile.save_demographics(
                "ana", SaveDemographics(version_id=drawn.version_id, facts=facts)
            )
            return "saved"
        except StaleVersion:
            return "told"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(edit, range(4))) == ["saved", "told", "told", "told"]


def test_a_photo_is_kept_small_drawn_with_the_profile_and_taken_away(api, desk, ana, rows):
    version = desk.profile.read("ana").version_id
    with pytest.raises(InvalidResource, match="JPEG or PNG"):
        desk.profile.save_photo(
            "ana", SavePicture(version_id=version, data_base64=base64.b64encode(b"%PDF-").decode())
        )
    saved = desk.profile.save_photo("ana", SavePicture(version_id=version, data_base64=picture()))
    shown = desk.profile.read("ana").photo
    assert shown.content_type == "image/jpeg"
    assert Image.open(io.BytesIO(base64.b64decode(shown.data_base64))).size == (512, 341)
    with pytest.raises(StaleVersion):
        desk.profile.save_photo("ana", SavePicture(version_id=version, data_base64=picture()))
    banner = desk.registration.banner("ana")
    small = desk.registration.photo("ana")
    assert Image.open(io.BytesIO(base64.b64decode(small.data_base64))).size == (96, 64)
    assert 'alt="Photo of the patient"' in banner_html(banner, small)
    desk.profile.remove_photo("ana", saved.version_id)
    assert desk.profile.read("ana").photo is None
    assert banner.photo_key is not None
    assert desk.registration.banner("ana").photo_key is None
    with pytest.raises(NotFound):
        desk.registration.photo("ana")
    with pytest.raises(Forbidden):
        api.signed_in("lee", "analyst").registration.photo("ana")


def test_coverages_stand_in_their_order_with_subscriber_and_card(desk, ana):
    second = CoverageFacts(order=2, payer="Medicaid", member_id="M2")
    first = CoverageFacts(
        order=1, payer="Acme Health", member_id="A1", group_number="G9", plan="Gold",
        relationship="spouse", subscriber="Luis Reyes", start="2026-01-01", end="2026-12-31",
    )  # fmt: skip
    desk.profile.save_coverage("ana", None, SaveCoverage(facts=second))
    kept = desk.profile.save_coverage("ana", None, SaveCoverage(facts=first))
    listed = desk.profile.read("ana").coverages
    assert [coverage.facts for coverage in listed] == [first, second]
    desk.profile.save_card("ana", kept.resource_id, SaveCard(side="front", data_base64=picture()))
    desk.profile.save_card("ana", kept.resource_id, SaveCard(side="front", data_base64=picture("red")))
    assert desk.profile.read("ana").coverages[0].card_sides == ["front"]
    assert desk.profile.card("ana", kept.resource_id, "front").content_type == "image/jpeg"
    with pytest.raises(NotFound):
        desk.profile.card("ana", kept.resource_id, "back")
    changed = first.model_copy(update={"active": False})
    stale = SaveCoverage(version_id=kept.version_id, facts=changed)
    desk.profile.save_coverage("ana", kept.resource_id, stale)
    with pytest.raises(StaleVersion):
        desk.profile.save_coverage("ana", kept.resource_id, stale)
    assert [coverage.facts.order for coverage in desk.profile.read("ana").coverages] == [2, 1], "in use first"


def test_a_part_of_another_patient_is_not_there(api, desk, ana):
    put_patient(api, "bob", "Hill", "Bob")
    kept = desk.profile.save_coverage("bob", None, SaveCoverage(facts=CoverageFacts(payer="Acme")))
    change = SaveCoverage(version_id=kept.version_id, facts=CoverageFacts(payer="Other"))
    with pytest.raises(NotFound):
        desk.profile.save_coverage("ana", kept.resource_id, change)


def test_a_proxy_acts_within_scope_and_until_its_end(api, desk, ana):
    luis = ProxyFacts(
        name="Luis Reyes", relationship="SPS", phone="716-555-0190", scopes=["results", "appointments"],
        start="2026-01-01", end="2026-11-20",
    )  # fmt: skip
    kept = desk.profile.save_proxy("ana", None, SaveProxy(facts=luis))
    (proxy,) = desk.profile.read("ana").proxies
    assert (proxy.facts, proxy.in_force) == (luis, True)
    stored = body_of(api, "RelatedPerson", kept.resource_id)
    assert [item["valueCode"] for item in stored["extension"]] == ["results", "appointments"]
    api.clock.instant += timedelta(days=1)
    assert api.signed_in("later", "front_desk").profile.read("ana").proxies[0].in_force is False
    with pytest.raises(InvalidResource, match="scopes"):
        api.signed_in("later2", "front_desk").profile.save_proxy(
            "ana", None, SaveProxy(facts=luis.model_copy(update={"scopes": ["everything"]}))
        )


def test_the_care_team_names_clinicians_and_others(desk, ana):
    team = CareTeamFacts(
        members=[
            CareTeamMember(practitioner_id="okafor", role="Primary care"),
            CareTeamMember(name="Elm Street Home Care", role="Home care"),
        ]
    )
    desk.profile.save_care_team("ana", team)
    read = desk.profile.read("ana").care_team
    assert [(member.name, member.role) for member in read.members] == [
        ("Dr Ada Okafor", "Primary care"),
        ("Elm Street Home Care", "Home care"),
    ]
    with pytest.raises(InvalidResource, match="no such clinician"):
        desk.profile.save_care_team(
            "ana", read.model_copy(update={"members": [CareTeamMember(practitioner_id="nobody")]})
        )


def test_an_advance_directive_has_a_status_and_a_document(desk, ana):
    facts = DirectiveFacts(kind="dnr", on="2026-05-01", note="Original with the daughter")
    with pytest.raises(InvalidResource, match="document_type"):
        desk.profile.save_directive(
            "ana",
            None,
            SaveDirective(facts=facts, document_base64=picture(), document_type="application/pdf"),
        )
    kept = desk.profile.save_directive(
        "ana",
        None,
        SaveDirective(
            facts=facts, document_base64=picture(), document_type="image/png", document_name="dnr.png"
        ),
    )
    (directive,) = desk.profile.read("ana").directives
    assert (directive.facts, directive.document) == (facts, "dnr.png")
    revoked = facts.model_copy(update={"status": "inactive"})
    desk.profile.save_directive(
        "ana", kept.resource_id, SaveDirective(version_id=kept.version_id, facts=revoked)
    )
    (directive,) = desk.profile.read("ana").directives
    assert (directive.facts.status, directive.document) == ("inactive", "dnr.png")
    with pytest.raises(InvalidResource, match="future"):
        desk.profile.save_directive(
            "ana", None, SaveDirective(facts=facts.model_copy(update={"on": "2027-01-01"}))
        )


def test_a_word_about_a_channel_is_the_word_that_outreach_hears(api, desk, ana):
    def said(client):
        return {state.kind: state.said for state in client.profile.read("ana").consents}

    assert set(said(desk).values()) == {"not_recorded"}
    desk.profile.save_consent("ana", SaveConsent(kind="message.sms", said="given", expected="not_recorded"))
    desk.profile.save_consent("ana", SaveConsent(kind="treatment", said="given", expected="not_recorded"))
    desk.profile.save_consent("ana", SaveConsent(kind="sharing", said="refused", expected="not_recorded"))
    with api.work() as work:
        assert consents(work, ["ana"])["ana"] == {
            "phone": "not_recorded", "sms": "given", "email": "not_recorded", "portal": "not_recorded",
        }  # fmt: skip
    with pytest.raises(StaleVersion):
        desk.profile.save_consent(
            "ana", SaveConsent(kind="message.sms", said="refused", expected="not_recorded")
        )
    api.clock.instant += timedelta(seconds=5)
    desk.profile.save_consent("ana", SaveConsent(kind="message.sms", said="refused", expected="given"))
    assert said(desk) == {
        "treatment": "given", "sharing": "refused", "message.phone": "not_recorded", "message.sms": "refused",
        "message.email": "not_recorded", "message.portal": "not_recorded",
    }  # fmt: skip


def test_who_may_not_is_refused_and_a_merged_record_is_not_written(api, desk, ana):
    put_patient(
        api, "old", "Reyes", "Anna", active=False,
        link=[{"other": {"reference": "Patient/ana"}, "type": "replaced-by"}],
    )  # fmt: skip
    with pytest.raises(Conflict, match="surviving"):
        save(desk, "old", pharmacy="Elm")
    with pytest.raises(Conflict, match="surviving"):
        desk.profile.save_proxy("old", None, SaveProxy(facts=ProxyFacts(name="Luis")))
    analyst = api.signed_in("lee", "analyst")
    with pytest.raises(Forbidden):
        analyst.profile.read("ana")
    pharmacist = api.signed_in("pat", "pharmacist")
    assert pharmacist.profile.read("ana").facts.birth_date == "1972-03-14"
    with pytest.raises(Forbidden):
        save(pharmacist, pharmacy="Elm")
