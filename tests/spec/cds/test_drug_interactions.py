"""Drug with drug: which pair is shown, how gravely, on which routes, how long after a drug has ended."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import date, timedelta

import pytest

from cds.cards import Outcome, Severity, Tier
from cds.coverage import coverage, coverage_words
from cds.engine import check, outcome
from cds.facts import LOOKING_AT_THE_CHART, Facts, Medication, Proposal, Result, Unknowable
from cds.ingredients import names, rxcui_of, rxcuis
from cds.knowledge import read_toml
from cds.lab_values import analyte
from cds.pairs import pairs, pairs_by_ingredient
from tests.lib.shared_data import shared_data
from tests.spec.cds.builders import TODAY, drug, order, takes

C, S, M, I = Severity.CONTRAINDICATED, Severity.SERIOUS, Severity.MONITOR, Severity.INFORMATION  # noqa: E741


def _cards(facts, proposal) -> list:
    return [one for one in check(facts, proposal) if one.rule.topic == "drug_interactions"]


def _ids(facts, proposal) -> list[str]:
    return [one.rule.id.partition(".")[2] for one in _cards(facts, proposal)]


EXAMPLES = [
    ("warfarin", "aspirin", "warfarin-aspirin", S, 2),
    ("warfarin", "ibuprofen", "warfarin-nsaid", S, 1),
    ("warfarin", "metronidazole", "warfarin-metronidazole", S, 2),
    ("warfarin", "sulfamethoxazole", "warfarin-sulfamethoxazole", S, 1),
    ("warfarin", "fluconazole", "warfarin-fluconazole", S, 2),
    ("warfarin", "amiodarone", "warfarin-amiodarone", S, 2),
    ("apixaban", "naproxen", "doac-nsaid", S, 1),
    ("apixaban", "rifampin", "doac-inducer", S, 1),
    ("clopidogrel", "omeprazole", "clopidogrel-omeprazole", S, 2),
    ("lisinopril", "spironolactone", "acei-arb-potassium-sparing", S, 2),
    ("losartan", "potassium chloride", "acei-arb-potassium", S, 2),
    ("aliskiren", "lisinopril", "aliskiren-acei-arb", S, 1),
    ("simvastatin", "clarithromycin", "onc-statin-3a4", C, 1),
    ("atorvastatin", "clarithromycin", "atorvastatin-strong-3a4", S, 2),
    ("citalopram", "ondansetron", "qt-known-known", S, 2),
    ("sotalol", "moxifloxacin", "qt-high-any", C, 1),
    ("quetiapine", "citalopram", "qt-known-possible", I, 3),
    ("sertraline", "phenelzine", "onc-ssri-snri-maoi", C, 1),
    ("sertraline", "tramadol", "ssri-tramadol", S, 2),
    ("sertraline", "sumatriptan", "ssri-triptan", I, 3),
    ("venlafaxine", "linezolid", "linezolid-methylene-serotonergic", S, 1),
    ("fluoxetine", "methylene blue", "linezolid-methylene-serotonergic", S, 1),
    ("lithium", "ibuprofen", "lithium-nsaid", S, 2),
    ("lithium", "hydrochlorothiazide", "lithium-thiazide", S, 1),
    ("lithium", "lisinopril", "lithium-acei-arb", S, 2),
    ("digoxin", "amiodarone", "digoxin-amiodarone", S, 1),
    ("digoxin", "verapamil", "digoxin-verapamil", S, 2),
    ("digoxin", "clarithromycin", "digoxin-macrolides", S, 2),
    ("digoxin", "quinidine", "digoxin-dronedarone-quinidine", S, 2),
    ("methotrexate", "trimethoprim", "trimethoprim-methotrexate", S, 1),
    ("methotrexate", "ibuprofen", "methotrexate-nsaid", S, 2),
    ("methotrexate", "omeprazole", "methotrexate-ppi", M, 2),
    ("oxycodone", "alprazolam", "opioid-benzodiazepine", S, 2),
    ("sildenafil", "nitroglycerin", "nitrate-pde5", C, 1),
    ("allopurinol", "azathioprine", "allopurinol-azathioprine", S, 1),
    ("tizanidine", "ciprofloxacin", "onc-tizanidine-1a2", C, 1),
    ("tizanidine", "fluvoxamine", "onc-tizanidine-1a2", C, 1),
    ("theophylline", "ciprofloxacin", "ciprofloxacin-theophylline", S, 1),
    ("ethinyl estradiol", "carbamazepine", "anticonvulsant-contraceptive", S, 2),
    ("levonorgestrel", "rifampin", "rifampin-contraceptive", S, 2),
    ("colchicine", "clarithromycin", "colchicine-clarithromycin", S, 1),
    ("atazanavir", "omeprazole", "onc-atazanavir-ppi", C, 1),
    ("febuxostat", "mercaptopurine", "onc-febuxostat-thiopurines", C, 1),
    ("ramelteon", "fluvoxamine", "onc-ramelteon-1a2", C, 1),
    ("valproate", "lamotrigine", "valproate-lamotrigine", S, 1),
    ("levothyroxine", "calcium carbonate", "levothyroxine-binders", M, 2),
]


@pytest.mark.parametrize(("one", "other", "pair", "severity", "tier"), EXAMPLES)
def test_a_pair_is_shown_whichever_drug_came_first(one, other, pair, severity, tier):
    for taken, ordered in ((one, other), (other, one)):
        found = [card for card in _cards(takes(taken), order(ordered)) if card.rule.id.endswith(f".{pair}")]
        assert [(card.outcome, card.severity, card.tier) for card in found] == [
            (Outcome.FIRES, severity, Tier(tier))
        ]
        assert set(found[0].about) == {rxcui_of(one), rxcui_of(other)}


@pytest.mark.parametrize(
    ("taken", "ordered"),
    [
        ("warfarin", "metformin"),
        ("lisinopril", "amlodipine"),
        ("atorvastatin", "metoprolol"),
        ("sertraline", "acetaminophen"),
        ("warfarin", "warfarin"),
        ("pravastatin", "itraconazole"),
        ("levothyroxine", "amoxicillin"),
    ],
)
def test_drugs_that_may_meet_say_nothing(taken, ordered):
    assert _ids(takes(taken), order(ordered)) == []


def test_every_written_pair_can_be_shown():
    """A pair that a graver one of the same concern always hides would be knowledge that nobody ever sees."""
    shown = {between[0].rule.id for between in _gravest_by_concern()}
    hidden = [pair.rule.id for pair in pairs() if pair.rule.id not in shown]
    assert hidden == []


def _gravest_by_concern():
    for partners in pairs_by_ingredient().values():
        for between in partners.values():
            for concern in {pair.concern for pair in between}:
                yield [pair for pair in between if pair.concern == concern]


def test_of_two_pairs_with_one_concern_only_the_gravest_is_shown():
    assert _ids(takes("simvastatin"), order("ritonavir")) == ["onc-statin-3a4"]


def test_two_concerns_between_two_drugs_are_two_cards():
    assert set(_ids(takes("warfarin"), order("fluvoxamine"))) == {"warfarin-ssri-snri"}
    assert set(_ids(takes("digoxin"), order("spironolactone"))) == {"digoxin-spironolactone"}
    assert set(_ids(takes("atorvastatin"), order("colchicine"))) == {"statin-colchicine"}
    assert set(_ids(takes("amiodarone"), order("digoxin"))) == {"digoxin-amiodarone"}
    assert len(set(_ids(takes("clozapine"), order("ciprofloxacin")))) == 2


def test_one_pair_with_several_drugs_is_one_card_that_names_them():
    (card,) = [
        one
        for one in _cards(takes("lisinopril", "losartan"), order("spironolactone"))
        if one.rule.id.endswith("potassium-sparing")
    ]
    assert card.sentence.startswith("Spironolactone with lisinopril and losartan: high potassium")
    assert [one.reference for one in card.suggestions if one.kind == "stop"] == [
        "MedicationRequest/lisinopril",
        "MedicationRequest/losartan",
    ]


def test_every_ingredient_of_a_combination_is_looked_at():
    ids = _ids(takes("warfarin"), order("sulfamethoxazole", "trimethoprim"))
    assert ids == ["warfarin-sulfamethoxazole"]
    assert "acei-arb-trimethoprim" in _ids(takes("lisinopril"), order("sulfamethoxazole", "trimethoprim"))


def test_the_ingredients_of_one_product_do_not_meet_each_other():
    assert _ids(takes(), order("lisinopril", "hydrochlorothiazide", "potassium chloride")) == []


def test_a_draft_of_the_same_basket_counts():
    assert _ids(takes(), order("ibuprofen", alongside=(drug("warfarin"),))) == ["warfarin-nsaid"]


def test_a_medication_that_this_one_replaces_does_not_count():
    replaced = order("ibuprofen", replaces=frozenset({"MedicationRequest/warfarin"}))
    assert _ids(takes("warfarin"), replaced) == []


@pytest.mark.parametrize(
    ("taken", "route", "ordered", "shown"),
    [
        ("diclofenac", "oral", "warfarin", True),
        ("diclofenac", None, "warfarin", True),
        ("diclofenac", "topical", "warfarin", False),
        ("diclofenac", "ophthalmic", "warfarin", False),
        ("miconazole", "topical", "warfarin", True),
        ("nitroglycerin", "topical", "sildenafil", True),
        ("fluticasone", "inhaled", "ritonavir", True),
        ("tobramycin", "inhaled", "furosemide", False),
        ("etonogestrel", "vaginal", "carbamazepine", True),
        ("levonorgestrel", "intrauterine", "carbamazepine", False),
        ("fentanyl", "transdermal", "alprazolam", True),
        ("albuterol", "inhaled", "propranolol", True),
        ("erythromycin", "ophthalmic", "simvastatin", False),
    ],
)
def test_a_drug_that_stays_where_it_is_put_counts_only_where_the_pair_says_so(taken, route, ordered, shown):
    assert bool(_ids(takes(drug(taken, route=route)), order(ordered))) is shown


@pytest.mark.parametrize(
    ("stopped", "days_ago", "ordered", "expected"),
    [
        ("phenelzine", 0, "sertraline", Outcome.FIRES),
        ("phenelzine", 14, "sertraline", Outcome.FIRES),
        ("phenelzine", 15, "sertraline", Outcome.DOES_NOT_FIRE),
        ("phenelzine", None, "sertraline", Outcome.COULD_NOT_CHECK),
        ("fluoxetine", 35, "phenelzine", Outcome.FIRES),
        ("fluoxetine", 36, "phenelzine", Outcome.DOES_NOT_FIRE),
        ("sertraline", 14, "phenelzine", Outcome.FIRES),
        ("sertraline", 15, "phenelzine", Outcome.DOES_NOT_FIRE),
    ],
)
def test_a_drug_counts_for_some_days_after_its_end(stopped, days_ago, ordered, expected):
    ended = None if days_ago is None else TODAY - timedelta(days=days_ago)
    facts = takes(stopped_medications=(drug(stopped, stopped_on=ended),))
    assert outcome("drug_interactions.onc-ssri-snri-maoi", facts, order(ordered)) is expected


def test_a_drug_without_washout_is_over_when_it_is_stopped():
    facts = takes(stopped_medications=(drug("ibuprofen", stopped_on=TODAY),))
    assert _ids(facts, order("warfarin")) == []


def test_the_card_shows_the_last_value_of_what_to_watch_or_that_there_is_none():
    inr = Result("6301-6", 2.4, "{INR}", date(2026, 11, 20))
    seen = {one.words: one for one in _cards(takes("warfarin", results=(inr,)), order("aspirin"))[0].because}
    assert seen["INR, 7 days old"].value == "2.4"
    assert "No Hemoglobin on record" in seen
    hidden = takes("warfarin", unknowable=(Unknowable("results", "restricted"),))
    words = [one.words for one in _cards(hidden, order("aspirin"))[0].because]
    assert "Could not be read: the results (restricted)" in words


def test_an_interrupting_card_offers_coded_reasons():
    card = _cards(takes("warfarin"), order("ibuprofen"))[0]
    assert card.interrupts
    assert {"monitoring", "benefit", "other"} <= {one.code for one in card.override_reasons}
    assert "Why:" in card.detail
    assert "What to do:" in card.detail


def test_a_list_that_cannot_be_seen_and_an_unknown_drug_are_said():
    hidden = Facts(as_of=TODAY, unknowable=(Unknowable("medications", "restricted"),))
    assert outcome("unidentified_drug.taken", hidden, order("warfarin")) is Outcome.COULD_NOT_CHECK
    herb = takes(Medication("a herb", coded=False))
    assert outcome("unidentified_drug.taken", herb, order("warfarin")) is Outcome.COULD_NOT_CHECK
    assert _ids(takes("warfarin"), Proposal(Medication("a herb", coded=False))) == []


def test_looking_at_the_chart_proposes_nothing():
    assert _ids(takes("warfarin", "aspirin"), LOOKING_AT_THE_CHART) == []


def test_at_least_two_hundred_entries_beyond_the_onc_list_are_written():
    beyond = [pair for pair in pairs() if not pair.listed_as]
    assert len(beyond) >= 200
    assert coverage().ingredients >= 600


def test_every_entry_is_whole_and_in_sentences():
    for pair in pairs():
        assert pair.one
        assert pair.other
        assert all(words.endswith(".") for words in (pair.mechanism, pair.effect, pair.management)), (
            pair.rule.id
        )
        assert pair.rule.tier is Tier.INTERRUPTS or pair.rule.severity is not C, pair.rule.id
        assert all(analyte(key) for key in pair.watch), pair.rule.id
        assert pair.rule.source.citation, pair.rule.id


def test_no_ingredient_code_stands_for_two_names():
    assert len(names()) == len(rxcuis())


def test_the_words_of_coverage_name_what_is_not_known():
    words = coverage_words([rxcui_of("warfarin"), "1"])
    assert "Interactions of warfarin were checked" in words
    assert "Nothing is written about interactions of RxNorm 1" in words
    assert "none reviewed by a pharmacist" in words
    assert words.endswith("No alert does not mean no interaction.")
    assert "not checked" in coverage_words([])


def test_the_onc_pairs_are_those_of_the_list():
    """Pair for pair, member for member; pair 21 names no drugs, members without an RxNorm code are left out."""
    listed = json.loads(shared_data("clinical", "onc_high_priority.json").read_text(encoding="utf-8"))[
        "pairs"
    ]
    expected = {
        one["id"]: (_codes(one["object"]), _codes(one["precipitant"])) for one in listed if one["object"]
    }
    written = {pair.listed_as: (pair.one, pair.other) for pair in pairs() if pair.listed_as}
    assert written == expected
    assert all(pair.rule.tier is Tier.INTERRUPTS for pair in pairs() if pair.listed_as)


def _codes(members: list[dict]) -> frozenset[str]:
    return frozenset(one["rxcui"] for one in members if one["rxcui"])


def test_every_ingredient_code_is_rxnorm_s_for_that_name():
    path = shared_data("rxnorm", "rxnorm_concepts.tsv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        known = {row["rxcui"]: row["name"].lower() for row in rows if row["tty"] == "IN"}
    wrong = {code: name for code, name in names().items() if known.get(code) != name}
    assert wrong == {}


def test_every_class_member_is_named_once():
    for name, entry in read_toml("classes.toml").items():
        assert len(entry["members"]) == len(set(entry["members"])), name
