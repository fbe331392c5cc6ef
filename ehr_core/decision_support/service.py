"""Asks the rules, keeps a record of what was shown and answered, and follows what the site has decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from cds.cards import Card
from cds.coverage import coverage_words
from cds.engine import check, registry, review
from cds.facts import Facts, Proposal
from cds.immunization.schedule import schedule
from cds.label_coverage import label_coverage_words
from cds.masking import check_for
from cds.order_coverage import order_coverage_words
from cds.oversight import SiteChoice
from cds.said_by_gaps import without_repeats
from data_contracts.api.decision_support import Acknowledged, CheckedCards
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.decision_support import queries
from ehr_core.decision_support.cards import support_card
from ehr_core.kernel.errors import Conflict, InvalidResource, Issue

REVIEW = "review"
DROPPED_AFTER = timedelta(minutes=10)
"""An interrupting card whose proposal was not signed by then made somebody think again: it counts as accepted."""


@dataclass(frozen=True)
class Checked:
    """The cards of one check and the id under which they were recorded."""

    check_id: UUID
    cards: tuple[Card, ...]
    coverage: str

    def shown(self) -> CheckedCards:
        return CheckedCards(cards=[support_card(card) for card in self.cards], coverage=self.coverage)

    @property
    def interrupting(self) -> tuple[Card, ...]:
        return tuple(card for card in self.cards if card.interrupts)


@dataclass(frozen=True)
class Asked:
    """One proposal to check. `name` tells one proposal from the next: checked again under it, it counts once.

    `whole` is the whole record, `visible` what the reader may see of it. `open_gaps` are the recommendations that stand
    open beside the cards: what they say is not said twice.
    """

    patient_id: str
    whole: Facts
    visible: Facts
    proposal: Proposal
    name: str | None = None
    open_gaps: frozenset[str] = frozenset()


def check_proposal(work: UnitOfWork, asked: Asked) -> Checked:
    """Every card of a proposal, recorded as shown to this actor. The caller has checked what the actor may do."""
    return check_proposals(work, [asked])[0]


def check_proposals(work: UnitOfWork, asked: Sequence[Asked], *, moment: str | None = None) -> list[Checked]:
    """The cards of each, in order, with one reading of the site's choices and one writing of what was shown.

    `moment` names another kind of showing than the proposal's own (a queue that is looked through is no order).
    """
    choices = queries.choices_of(work.connection, work.today()) if asked else []
    found = [Checked(uuid4(), _cards(one, choices), _coverage(one.proposal)) for one in asked]
    kept = [_kept(one, checked, moment) for one, checked in zip(asked, found, strict=True)]
    queries.insert_checks(work.connection, kept, at=work.now(), actor_id=work.actor.actor_id)
    return found


def review_list(work: UnitOfWork, *, patient_id: str, whole: Facts, visible: Facts) -> Checked:
    """What the medications on a list say of each other and of the record, each once; recorded as shown.

    Where a part of the record is kept from the reader, only what they may see is reviewed, and the coverage says so.
    """
    choices = queries.choices_of(work.connection, work.today())
    ingredients = [one for medication in visible.medications for one in medication.ingredients]
    words = medication_coverage(ingredients)
    if visible is not whole:
        words = f"A part of the record is restricted and was not reviewed. {words}"
    checked = Checked(uuid4(), review(visible, choices), words)
    kept = queries.Kept(checked.check_id, patient_id, REVIEW, f"review:{patient_id}", None, checked.cards)
    queries.insert_checks(work.connection, [kept], at=work.now(), actor_id=work.actor.actor_id)
    return checked


def _coverage(proposal: Proposal) -> str:
    if proposal.order is not None:
        return order_coverage_words(proposal.order)
    return medication_coverage(proposal.ingredients)


def medication_coverage(ingredients: Sequence[str]) -> str:
    """What was looked at for these drugs, and on which topics nothing is written about them."""
    return f"{coverage_words(ingredients)} {label_coverage_words(ingredients)}".strip()


def _cards(asked: Asked, choices: list[SiteChoice]) -> tuple[Card, ...]:
    """What is kept from the reader still speaks, masked."""
    if asked.visible is asked.whole:
        found = check(asked.whole, asked.proposal, choices)
    else:
        found = check_for(asked.visible, asked.whole, asked.proposal, choices)
    return without_repeats(found, asked.open_gaps)


def _kept(asked: Asked, checked: Checked, moment: str | None) -> queries.Kept:
    medication = asked.proposal.medication
    return queries.Kept(
        check_id=checked.check_id,
        patient_id=asked.patient_id,
        moment=moment or asked.proposal.moment,
        proposal=asked.name or str(checked.check_id),
        rxcui=medication.product if medication else None,
        cards=checked.cards,
    )


def require_answers(checked: Checked, answers: Iterable[Acknowledged]) -> dict[str, Acknowledged]:
    """The answers by card. Raises Conflict naming how many interrupting cards have none, InvalidResource for a reason
    that the card does not offer, or 'other' without words.
    """
    given = {answer.card_key: answer for answer in answers}
    open_cards = [card for card in checked.interrupting if card.key not in given]
    if open_cards:
        titles = "; ".join(sorted({card.title for card in open_cards}))
        raise Conflict(
            f"Not signed: {len(open_cards)} safety {'warning needs' if len(open_cards) == 1 else 'warnings need'} "
            f"a reason first ({titles}). Choose one for each, or change what is proposed."
        )
    for card in checked.interrupting:
        _check_reason(card, given[card.key])
    return given


def _check_reason(card: Card, answer: Acknowledged) -> None:
    offered = {reason.code for reason in card.override_reasons}
    if answer.reason_code not in offered:
        raise InvalidResource(
            [Issue("acknowledged.reason_code", "is not a reason that this warning offers.", "code-invalid")]
        )
    if answer.reason_code == "other" and not (answer.words or "").strip():
        raise InvalidResource(
            [Issue("acknowledged.words", "Another reason needs words. Write what it is.", "required")]
        )


def record_signed(work: UnitOfWork, checked: Checked, answers: dict[str, Acknowledged]) -> None:
    """The proposal of this check was signed: interrupting cards were overridden, each for its reason."""
    work.connection.execute(queries.SIGNED, {"check_id": checked.check_id, "at": work.now()})
    queries.answer_cards(
        work.connection,
        (
            {
                "check_id": checked.check_id,
                "card_key": card.key,
                "answer": "overridden",
                "reason_code": answers[card.key].reason_code,
                "reason_words": answers[card.key].words,
                "at": work.now(),
                "actor_id": work.actor.actor_id,
            }
            for card in checked.interrupting
        ),
    )


def settle_dropped(work: UnitOfWork, *, patient_id: str) -> None:
    """Interrupting cards of this actor's earlier proposals that were never signed count as accepted."""
    work.connection.execute(
        queries.DROPPED,
        {
            "patient_id": patient_id,
            "actor_id": work.actor.actor_id,
            "at": work.now(),
            "before": work.now() - DROPPED_AFTER,
        },
    )


def preload(schedule_id: str) -> None:
    """Reads all knowledge now: the first check of a process would otherwise wait for it, and a schedule that is not
    there is told at the start. Raises NotFound naming those there are.
    """
    registry()
    schedule(schedule_id)
