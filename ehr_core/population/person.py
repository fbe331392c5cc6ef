"""Who a person is: drawn from the assumptions, or told by a story."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from ehr_core.population.assumptions import assumptions, at_age, by_age
from ehr_core.population.draws import Draws

CLEAR_OF_BIRTHDAY_DAYS = 12


@dataclass(slots=True)
class Person:
    """One person as planned, before any fact is written. Dates are days at the site."""

    key: str
    index: int
    patient_id: str
    heritage: str = "white"
    family: str = ""
    given: list[str] = field(default_factory=list)
    used: str | None = None
    birth_date: date | None = None
    age: int | None = None
    gender: str | None = None
    birth_sex: str | None = None
    gender_identity: str | None = None
    pronouns: str | None = None
    language: str = "en"
    interpreter: bool | None = None
    payer: str = "commercial"
    smoking: str = "never"
    standing: str = "active"
    deceased_on: date | None = None
    replaced_by: str | None = None
    replaces: str | None = None
    states: set[str] = field(default_factory=set)
    conditions: dict[str, date] = field(default_factory=dict)
    allergies: str | None = None
    organs: tuple[str, ...] = ()
    address: dict | None = None
    story: str | None = None

    @property
    def position(self) -> int:
        """Place in the clinician's panel."""
        return self.index % assumptions("site")["panel_size"]

    @property
    def clinician(self) -> int:
        return self.index // assumptions("site")["panel_size"]

    @property
    def diabetic(self) -> bool:
        return "diabetes_type_2" in self.conditions or "diabetes_type_1" in self.conditions

    def aged(self, low: int, high: int) -> bool:
        return self.age is not None and low <= self.age <= high


def age_on(birth: date, day: date) -> int:
    """Whole years; somebody born on 29 February turns a year older on 1 March of a common year."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def years_before(day: date, years: int) -> date:
    """The same day so many years before; 29 February becomes 28 February where there is none."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def draw_person(key: str, index: int, patient_id: str, as_of: date, draws: Draws) -> Person:
    """Somebody believable: identity first, then habits, states and long-term conditions that fit age and group."""
    person = Person(key=key, index=index, patient_id=patient_id)
    _draw_birth(person, as_of, draws)
    _draw_identity(person, draws)
    _draw_payer_and_standing(person, as_of, draws)
    draw_health(person, life_ends(person, as_of), draws)
    return person


def life_ends(person: Person, as_of: date) -> date:
    """The day that a chart is written up to: today, or shortly before a death."""
    return person.deceased_on - timedelta(days=6) if person.deceased_on else as_of


def _draw_birth(person: Person, as_of: date, draws: Draws) -> None:
    bands = assumptions("demographics")["age_band"]
    band = bands[int(draws.weighted({str(place): row["share"] for place, row in enumerate(bands)}))]
    person.age = draws.whole(band["low"], band["high"])
    since_birthday = draws.whole(CLEAR_OF_BIRTHDAY_DAYS, 365 - CLEAR_OF_BIRTHDAY_DAYS)
    if person.age == 0 and 160 < since_birthday < 215:
        since_birthday = 230
    person.birth_date = years_before(as_of, person.age) - timedelta(days=since_birthday)


def _draw_identity(person: Person, draws: Draws) -> None:
    facts = assumptions("demographics")
    heritages = facts["heritage"]
    person.heritage = draws.weighted({key: row["share"] for key, row in heritages.items()})
    heritage = heritages[person.heritage]
    sex = draws.weighted(facts["sex"])
    person.gender, person.birth_sex = sex, "F" if sex == "female" else "M"
    person.gender_identity, person.pronouns = sex, "she" if sex == "female" else "he"
    if person.age >= 16:
        _draw_gender(person, facts["gender"], draws)
    names = assumptions("names")[heritage["names"]]
    pool = names["female" if person.pronouns == "she" else "male"]
    person.given = [draws.pick(pool)]
    if draws.chance(0.4):
        person.given.append(draws.pick(pool))
    person.family = draws.pick(names["family"])
    person.language = draws.weighted(heritage["language"])
    if person.language == "en":
        person.interpreter = False
    elif not draws.chance(facts["interpreter"]["not_recorded_share"]):
        person.interpreter = draws.chance(facts["interpreter"]["needed_share"])


def _draw_gender(person: Person, shares: dict, draws: Draws) -> None:
    """A few people whose gender is not the sex recorded at birth; administrative gender follows the person."""
    if draws.chance(shares["transgender_share"]):
        person.gender = "male" if person.birth_sex == "F" else "female"
        person.gender_identity = f"transgender_{person.gender}"
        person.pronouns = "he" if person.gender == "male" else "she"
    elif draws.chance(shares["non_binary_share"]):
        person.gender_identity, person.pronouns = "non_binary", "they"


def _draw_payer_and_standing(person: Person, as_of: date, draws: Draws) -> None:
    facts = assumptions("demographics")
    band = next(row for row in facts["payer_band"] if row["low"] <= person.age <= row["high"])
    person.payer = draws.weighted(band["payers"])
    shares = facts["standing"]
    person.standing = draws.weighted({"active": 1 - sum(shares.values()), **shares})
    if person.standing == "deceased" and person.age < 50:
        person.standing = "active"
    if person.standing == "deceased":
        person.deceased_on = as_of - timedelta(days=draws.whole(20, 700))


def draw_health(person: Person, as_of: date, draws: Draws) -> None:
    """Smoking, states and long-term conditions. What a story has already told is kept."""
    age = person.age if person.age is not None else 45
    if age >= 18:
        _draw_smoking(person, draws)
    for state, row in assumptions("uptake")["state"].items():
        if _state_fits(person, state, row, age) and draws.chance(row["share"]):
            person.states.add(state)
            break
    for condition, row in assumptions("conditions")["chronic"].items():
        share = at_age(by_age("conditions", "chronic", condition, "by_age"), age) * _factor(person, row)
        began = draws.whole(row["years"][0] * 365, row["years"][1] * 365)
        if draws.chance(share) and not _contradicts(person, condition):
            person.conditions[condition] = as_of - timedelta(days=min(began, age * 365 - 200))


def _draw_smoking(person: Person, draws: Draws) -> None:
    shares = dict(assumptions("demographics")["smoking"])
    shares["current"] *= shares.pop("payer_factor").get(person.payer, 1.0)
    person.smoking = draws.weighted(shares)


def _state_fits(person: Person, state: str, row: dict, age: int) -> bool:
    low, high = row["ages"]
    if state == "pregnancy" and (person.birth_sex != "F" or person.gender != "female"):
        return False
    return low <= age <= high


def _factor(person: Person, row: dict) -> float:
    factors = row["factor"]
    smoker = factors.get("smoker", 1.0) if person.smoking != "never" else 1.0
    sex = "female" if person.birth_sex == "F" else "male"
    return smoker * factors.get(person.heritage, 1.0) * factors.get(sex, 1.0) * factors.get(person.payer, 1.0)


def _contradicts(person: Person, condition: str) -> bool:
    """Pairs that would blur the answer key or the chart: one kind of diabetes, no new risk in pregnancy."""
    have = person.conditions
    if condition in ("diabetes_type_1", "prediabetes") and "diabetes_type_2" in have:
        return True
    if condition == "prediabetes" and "diabetes_type_1" in have:
        return True
    if condition == "depression" and "bipolar" in person.states:
        return True
    return condition == "hypertension" and "pregnancy" in person.states
