"""Orders that are no medication: contrast, radiation and what was done a short while ago."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from cds.cards import Tier
from cds.engine import check
from cds.facts import Allergy, Code, OrderedService, Pregnancy, Proposal, Unknowable
from tests.spec.cds.drawn import TODAY, adult, cards_of, drug, measured, problem, said_by

CREATININE = "2160-0"


def study(modality="CT", contrast="with", **more) -> Proposal:
    ionising = more.pop("ionising", modality in ("CT", "X-ray"))
    code = Code("https://almoner.example/orderable", "study")
    return Proposal(
        order=OrderedService(
            code, "The study", "imaging", modality=modality, contrast=contrast, ionising=ionising, **more
        )
    )


def egfr(value: float, on: date = TODAY):
    return measured("98979-8", value, "mL/min/{1.73_m2}", on)


def tier_of(topic, entry, facts, proposal):
    card = cards_of(topic, facts, proposal).get(entry)
    return card and (card.outcome.value, card.tier)


INTERRUPTS = ("fires", Tier.INTERRUPTS)


@pytest.mark.parametrize(
    ("value", "entry", "expected"),
    [
        (29, "weak_kidneys", INTERRUPTS),
        (30, "weak_kidneys", None),
        (30, "reduced_kidneys", ("fires", Tier.PASSIVE)),
        (44, "reduced_kidneys", ("fires", Tier.PASSIVE)),
        (45, "reduced_kidneys", None),
    ],
)
def test_iodinated_contrast_by_kidney_function(value, entry, expected):
    assert tier_of("imaging_contrast", entry, adult(results=(egfr(value),)), study()) == expected


@pytest.mark.parametrize(
    ("contrast", "expected"),
    [
        ("with", INTERRUPTS),
        ("without_and_with", INTERRUPTS),
        ("radiologist_decides", INTERRUPTS),
        ("without", None),
        (None, None),
    ],
)
def test_only_what_may_give_contrast_is_asked(contrast, expected):
    weak = adult(results=(egfr(20),))
    assert tier_of("imaging_contrast", "weak_kidneys", weak, study(contrast=contrast)) == expected


def test_gadolinium_has_its_own_words_and_no_middle_grade():
    assert (
        tier_of("imaging_contrast", "gadolinium_and_kidneys", adult(results=(egfr(29),)), study("MRI"))
        == INTERRUPTS
    )
    assert said_by("imaging_contrast", adult(results=(egfr(31),)), study("MRI")) == {}


@pytest.mark.parametrize(
    ("facts", "tier"),
    [
        (adult(), Tier.PASSIVE),
        (adult(birth_date=date(1960, 1, 1)), Tier.INLINE),
        (adult(conditions=(problem("E11.9"),)), Tier.INLINE),
        (adult(conditions=(problem("N18.30"),)), Tier.INLINE),
        (adult(medications=(drug("metformin"),)), Tier.INLINE),
        (adult(results=(egfr(70, date(2025, 12, 14)),)), Tier.PASSIVE),
        (adult(unknowable=(Unknowable("results", "restricted"),)), Tier.PASSIVE),
        (adult(unknowable=(Unknowable("conditions", "restricted"),)), Tier.INLINE),
    ],
)
def test_kidneys_that_nobody_measured_are_said_louder_where_they_may_be_weak(facts, tier):
    assert tier_of("imaging_contrast", "weak_kidneys", facts, study()) == ("could_not_check", tier)


def test_acute_injury_counts_as_weak_whatever_the_figure():
    facts = adult(results=(egfr(80),), conditions=(problem("N17.9"),))
    assert tier_of("imaging_contrast", "weak_kidneys", facts, study()) == INTERRUPTS


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ((egfr(59),), "fires"),
        ((egfr(60),), None),
        ((), "could_not_check"),
    ],
)
def test_metformin_is_stopped_at_an_iodinated_study(results, expected):
    taking = adult(medications=(drug("metformin"),), results=results)
    assert said_by("imaging_contrast", taking, study()).get("metformin") == expected
    assert "metformin" not in said_by("imaging_contrast", taking, study("MRI"))
    assert "metformin" not in said_by("imaging_contrast", adult(results=results), study())


@pytest.mark.parametrize(
    ("name", "iodinated", "gadolinium"),
    [
        ("Iohexol", True, False),
        ("gadobutrol", False, True),
        ("Contrast media", True, True),
        ("Iodinated contrast", True, False),
        ("MRI contrast (gadolinium)", False, True),
        ("Povidone-iodine", False, False),
        ("Shellfish", False, False),
    ],
)
def test_a_reaction_to_the_same_kind_of_medium_interrupts(name, iodinated, gadolinium):
    facts = adult(allergies=(Allergy(name),), allergy_list="recorded", results=(egfr(90),))
    for modality, expected in (("CT", iodinated), ("MRI", gadolinium)):
        said = tier_of("imaging_contrast", "reaction_before", facts, study(modality))
        assert said == (INTERRUPTS if expected else None), modality


@pytest.mark.parametrize(
    "unknown",
    [{"allergy_list": "not_asked"}, {"unknowable": (Unknowable("allergies", "restricted"),)}],
)
def test_allergies_that_nobody_asked_or_may_see_are_not_taken_for_none(unknown):
    assert said_by("imaging_contrast", adult(**unknown), study())["reaction_before"] == "could_not_check"


def pregnancy(state):
    return {"pregnancy": Pregnancy(state)}


@pytest.mark.parametrize(
    ("recorded", "ordered", "expected"),
    [
        ("pregnant", None, INTERRUPTS),
        ("pregnant", "not_pregnant", INTERRUPTS),
        ("unknown", "pregnant", INTERRUPTS),
        ("not_pregnant", "pregnant", INTERRUPTS),
        ("unknown", "unknown", ("could_not_check", Tier.INLINE)),
        ("unknown", None, ("could_not_check", Tier.INLINE)),
        ("unknown", "not_pregnant", None),
        ("not_pregnant", None, None),
    ],
)
def test_radiation_goes_by_the_record_and_by_the_order(recorded, ordered, expected):
    young = adult(birth_date=date(1996, 1, 1), **pregnancy(recorded))
    assert tier_of("imaging_pregnancy", "radiation", young, study(pregnancy=ordered)) == expected


def test_radiation_far_from_the_child_is_said_inline_and_none_at_all_is_silent():
    young = adult(birth_date=date(1996, 1, 1), **pregnancy("pregnant"))
    assert tier_of("imaging_pregnancy", "radiation", young, study("X-ray")) == ("fires", Tier.INLINE)
    assert said_by("imaging_pregnancy", young, study("Ultrasound", ionising=False)) == {}
    assert said_by("imaging_pregnancy", young, study("MRI", "without", ionising=False)) == {}


def test_gadolinium_in_pregnancy_interrupts_and_the_disagreement_is_told():
    young = adult(birth_date=date(1996, 1, 1), **pregnancy("pregnant"))
    card = cards_of("imaging_pregnancy", young, study("MRI", pregnancy="not_pregnant"))["gadolinium"]
    assert card.interrupts
    assert [reason.words for reason in card.because] == [
        "pregnant",
        "the order says that she is not pregnant",
    ]


@pytest.mark.parametrize("who", [{"sex": "male"}, {"birth_date": date(1960, 1, 1)}])
def test_nobody_who_cannot_be_pregnant_is_asked(who):
    assert said_by("imaging_pregnancy", adult(**who), study()) == {}


def test_the_same_again_is_said_inline_once():
    tsh = OrderedService(Code("http://loinc.org", "3016-3"), "TSH", "laboratory")
    asked = replace(tsh, earlier=("Ordered on Monday.", "In the basket twice."))
    (card,) = check(adult(), Proposal(order=asked))
    assert (card.rule.id, card.tier, len(card.because)) == ("duplicate_order.again", Tier.INLINE, 2)
    assert check(adult(), Proposal(order=tsh)) == ()
