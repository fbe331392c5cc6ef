"""Dialogs of a person's identity: birth, sex, gender, pronouns, death; names; race, ethnicity and language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import streamlit as st

from dashboards.front_desk.entry_rows import entry_rows
from dashboards.front_desk.profile_cards import NAME_USES
from dashboards.front_desk.saving import about, save_fields
from dashboards.front_desk.typed import iso_date
from dashboards.shared.session import StaffSession
from data_contracts import demographics as vocabulary
from data_contracts.api.demographics import Heritage, NameEntry, PatientProfile
from ehr_core.display import language_choices, show_language

SEXES = ("female", "male", "other", "unknown")
YES_NO = {True: "Yes", False: "No"}
NOT_RECORDED = "Not recorded"
DATE_HINT = "1972-03-14, 1972-03 or 1972"


def choice(label: str, options: Mapping[str, str], value: str | None, key: str) -> str | None:
    """One of several, or not recorded. A value of the record that is not offered stays, by its own code."""
    offered = {**options, **({value: value} if value and value not in options else {})}
    listed = list(offered)
    return st.selectbox(
        label,
        listed,
        index=listed.index(value) if value else None,
        format_func=lambda code: offered.get(code, code),
        key=key,
        placeholder=NOT_RECORDED,
    )


def yes_no(label: str, value: bool | None, key: str, words: Mapping[bool, str] = YES_NO) -> bool | None:
    return st.selectbox(
        label,
        list(words),
        index=None if value is None else list(words).index(value),
        format_func=words.get,
        key=key,
        placeholder=NOT_RECORDED,
    )


@st.dialog("Change identity", width="medium")
def identity_dialog(session: StaffSession, profile: PatientProfile, form: str) -> None:
    about(profile)
    facts = profile.facts
    left, right = st.columns(2)
    with left:
        born = st.text_input(
            "Birth date", facts.birth_date or "", key=f"{form}-born", max_chars=10, placeholder=DATE_HINT
        )
        sex = choice("Sex", {code: code for code in SEXES}, facts.sex, f"{form}-sex")
        gender = choice(
            "Gender identity",
            {code: concept.words for code, concept in vocabulary.gender_identities().items()},
            facts.gender_identity,
            f"{form}-gender",
        )
        gender_text = st.text_input(
            "Gender identity in the person's own words",
            facts.gender_identity_text or "",
            key=f"{form}-gender-text",
            max_chars=100,
            disabled=gender is not None,
        )
        deceased = yes_no("Deceased", facts.deceased, f"{form}-deceased")
    with right:
        order = st.number_input(
            "Birth order of twins",
            1,
            10,
            value=facts.birth_order,
            step=1,
            key=f"{form}-order",
            placeholder="No twin",
        )
        birth_sex = choice(
            "Sex at birth", vocabulary.choices("birth_sex"), facts.birth_sex, f"{form}-birth-sex"
        )
        pronouns = choice("Pronouns", vocabulary.choices("pronouns"), facts.pronouns, f"{form}-pronouns")
        pronouns_text = st.text_input(
            "Pronouns in the person's own words",
            facts.pronouns_text or "",
            key=f"{form}-pronouns-text",
            max_chars=100,
            disabled=pronouns is not None,
        )
        died = st.text_input(
            "Date of death",
            facts.deceased_on or "",
            key=f"{form}-died",
            max_chars=40,
            placeholder=DATE_HINT,
            disabled=not deceased,
        )
    active = st.checkbox("The record is in use", facts.active, key=f"{form}-active")
    typed = {
        "birth_date": iso_date(born),
        "birth_order": int(order) if order else None,
        "sex": sex,
        "birth_sex": birth_sex,
        "gender_identity": gender,
        "gender_identity_text": None if gender else gender_text or None,
        "pronouns": pronouns,
        "pronouns_text": None if pronouns else pronouns_text or None,
        "deceased": deceased,
        "deceased_on": (iso_date(died) if deceased else None),
        "active": active,
    }
    save_fields(session, profile, form, typed, "Identity saved.")


@st.dialog("Change names", width="large")
def names_dialog(session: StaffSession, profile: PatientProfile, form: str) -> None:
    """The official name, the one in use, the maiden name, each with its time."""
    about(profile)
    names = entry_rows(
        form, "name", profile.facts.names, _name_row, new=lambda: NameEntry(use="usual"), what="name"
    )
    save_fields(session, profile, form, {"names": names}, "Names saved.")


def _name_row(key: str, name: NameEntry, number: int) -> NameEntry:
    parts = st.columns([1.6, 2.4, 2.4, 1, 1.6, 1.6])
    with parts[0]:
        use = choice(f"Kind {number}", NAME_USES, name.use, f"{key}-use")
    family = parts[1].text_input(
        f"Family name {number}", name.family or "", key=f"{key}-family", max_chars=100
    )
    given = parts[2].text_input(f"Given names {number}", name.given or "", key=f"{key}-given", max_chars=200)
    suffix = parts[3].text_input(f"Suffix {number}", name.suffix or "", key=f"{key}-suffix", max_chars=40)
    start = parts[4].text_input(
        f"From {number}", name.start or "", key=f"{key}-start", max_chars=10, placeholder=DATE_HINT
    )
    end = parts[5].text_input(
        f"Until {number}", name.end or "", key=f"{key}-end", max_chars=10, placeholder=DATE_HINT
    )
    return name.model_copy(
        update={
            "use": use,
            "family": family or None,
            "given": given or None,
            "suffix": suffix or None,
            "start": iso_date(start),
            "end": iso_date(end),
        }
    )


@st.dialog("Change race, ethnicity, language", width="medium")
def heritage_dialog(session: StaffSession, profile: PatientProfile, form: str) -> None:
    """Asked, not guessed. Declined and unknown are answers; nothing chosen means that nobody has asked."""
    about(profile)
    facts = profile.facts
    race = _heritage("Race", facts.race, vocabulary.races(), f"{form}-race", several=True)
    ethnicity = _heritage(
        "Ethnicity", facts.ethnicity, vocabulary.ethnicities(), f"{form}-ethnicity", several=False
    )
    languages = language_choices()
    if facts.language and facts.language not in languages:
        languages = {**languages, facts.language: show_language(facts.language)}
    language = choice("Preferred language", languages, facts.language, f"{form}-language")
    interpreter = yes_no(
        "Interpreter",
        facts.interpreter_required,
        f"{form}-interpreter",
        {True: "Needed", False: "Not needed"},
    )
    typed = {
        "race": race,
        "ethnicity": ethnicity,
        "language": language,
        "interpreter_required": interpreter,
    }
    save_fields(session, profile, form, typed, "Race, ethnicity and language saved.")


def _heritage(
    label: str, heritage: Heritage, groups: vocabulary.Groups, key: str, *, several: bool
) -> Heritage:
    answer = _answer(label, heritage, key)
    if answer in ("declined", "unknown"):
        return Heritage(answer=answer)
    if answer is None:
        return Heritage()
    mode: Literal["multi", "single"] = "multi" if several else "single"
    chosen = st.pills(
        f"{label}: categories",
        list(groups.categories),
        selection_mode=mode,
        default=heritage.categories if several else next(iter(heritage.categories), None),
        format_func=groups.categories.get,
        key=f"{key}-categories",
    )
    categories = list(chosen or []) if several else [chosen] if chosen else []
    offered = {
        code: words for category in categories for code, words in groups.detailed.get(category, {}).items()
    }
    offered |= {code: groups.words(code) or code for code in heritage.detailed}
    detailed = (
        st.pills(
            f"{label}: more exactly (optional)",
            list(offered),
            selection_mode="multi",
            default=heritage.detailed,
            format_func=offered.get,
            key=f"{key}-detailed",
        )
        if offered
        else []
    )
    return Heritage(categories=categories, detailed=list(detailed or []))


def _answer(label: str, heritage: Heritage, key: str) -> str | None:
    """given, declined or unknown; None while nobody has asked."""
    words = {"given": "Answered", "declined": "Declined", "unknown": "Does not know"}
    now = heritage.answer or ("given" if heritage.categories or heritage.detailed else None)
    return st.segmented_control(
        label,
        list(words),
        format_func=words.get,
        default=now,
        key=f"{key}-answer",
        help="Nothing: nobody has asked",
    )
