"""The patient's photo and the pictures of insurance cards: kept as Binaries of the record, drawn again from there."""

from __future__ import annotations

import base64
from typing import Any

from sqlalchemy import text

from data_contracts.api.demographics import Picture, SaveCard, Saved, SavePicture
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.fhir_json import decode, encode, without_empty
from ehr_core.registration.images import BANNER_SIDE, CARD_SIDE, PHOTO_SIDE, STORED_TYPE, clean_image
from ehr_core.registration.parts import check_part_version, part_of, patient_to_write
from ehr_core.registration.service import require_identity
from ehr_core.store.repository import Store

Resource = dict[str, Any]

CARD_TYPE = ("http://loinc.org", "64290-0", "Health insurance card")
SIDE_TITLE = {"front": "Insurance card, front", "back": "Insurance card, back"}

BINARY = text("SELECT body FROM fhir.binary WHERE id = :id AND patient_id = :patient_id AND NOT deleted")


def save_photo(work: UnitOfWork, *, patient_id: str, picture: SavePicture) -> Saved:
    """A new photo in the place of the old one. Raises InvalidResource, StaleVersion."""
    stored = patient_to_write(work, patient_id)
    check_part_version(stored, picture.version_id)
    content = clean_image(picture.data_base64, longest_side=PHOTO_SIDE)
    binary_id = _keep(work, patient_id, content)
    photo = {"contentType": STORED_TYPE, "url": f"Binary/{binary_id}", "size": len(content)}
    body = decode(stored.body) | {"photo": [photo]}
    written = Store(work).update("Patient", patient_id, encode(body), if_match=stored.version_id)
    return Saved(resource_id=patient_id, version_id=written.version_id)


def remove_photo(work: UnitOfWork, *, patient_id: str, version_id: int) -> Saved:
    stored = patient_to_write(work, patient_id)
    check_part_version(stored, version_id)
    body = {name: value for name, value in decode(stored.body).items() if name != "photo"}
    written = Store(work).update("Patient", patient_id, encode(body), if_match=stored.version_id)
    return Saved(resource_id=patient_id, version_id=written.version_id)


def photo_of(work: UnitOfWork, patient: Resource) -> Picture | None:
    """The photo of a Patient that has been read already. None without one, or for one on another server."""
    attachment = next(iter(patient.get("photo") or ()), {})
    url = attachment.get("url") or ""
    if attachment.get("data"):
        return Picture(
            content_type=attachment.get("contentType") or STORED_TYPE, data_base64=attachment["data"]
        )
    if not url.startswith("Binary/"):
        return None
    return _picture(work, patient["id"], url.removeprefix("Binary/"))


def read_small_photo(work: UnitOfWork, *, patient_id: str) -> Picture:
    """The photo as it stands in the banner. For whoever may see the banner; raises NotFound without one."""
    require_identity(work, patient_id)
    patient = decode(Store(work).read("Patient", patient_id).body)
    found = photo_of(work, patient)
    if found is None:
        raise NotFound("There is no photo of this patient.")
    content = clean_image(found.data_base64, longest_side=BANNER_SIDE)
    return Picture(content_type=STORED_TYPE, data_base64=base64.b64encode(content).decode())


def save_card(work: UnitOfWork, *, patient_id: str, coverage_id: str, card: SaveCard) -> Saved:
    """One side of an insurance card, as a document about the coverage. A new picture replaces the side's old one."""
    patient_to_write(work, patient_id)
    part_of(work, "Coverage", coverage_id, patient_id)
    content = clean_image(card.data_base64, longest_side=CARD_SIDE)
    binary_id = _keep(work, patient_id, content)
    for old in _cards(work, patient_id, coverage_id, card.side):
        Store(work).update("DocumentReference", old["id"], encode(old | {"status": "superseded"}))
    system, code, display = CARD_TYPE
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"coding": [{"system": system, "code": code}], "text": display},
        "subject": {"reference": f"Patient/{patient_id}"},
        "date": work.now().replace(microsecond=0).isoformat(),
        "description": SIDE_TITLE[card.side],
        "content": [
            {
                "attachment": {
                    "contentType": STORED_TYPE,
                    "url": f"Binary/{binary_id}",
                    "title": SIDE_TITLE[card.side],
                }
            }
        ],
        "context": {"related": [{"reference": f"Coverage/{coverage_id}"}]},
    }
    written = Store(work).create("DocumentReference", encode(document))
    return Saved(resource_id=written.id, version_id=written.version_id)


def read_card(work: UnitOfWork, *, patient_id: str, coverage_id: str, side: str) -> Picture:
    """Raises Forbidden, NotFound."""
    require_identity(work, patient_id)
    cards = _cards(work, patient_id, coverage_id, side)
    found = None
    if cards:
        url = cards[0]["content"][0]["attachment"]["url"]
        found = _picture(work, patient_id, url.removeprefix("Binary/"))
    if found is None:
        raise NotFound("There is no picture of this side of the card.")
    work.audit("card_read", resource_type="Coverage", resource_id=coverage_id, patient_id=patient_id)
    return found


def card_sides(documents: list[tuple[int, Resource]], coverage_id: str) -> list[str]:
    """The sides of which there is a current picture."""
    return [
        side
        for side, title in SIDE_TITLE.items()
        if any(_is_card(document, coverage_id, title) for _, document in documents)
    ]


def _is_card(document: Resource, coverage_id: str, title: str) -> bool:
    related = (document.get("context") or {}).get("related") or ()
    return (
        document.get("status") == "current"
        and document.get("description") == title
        and any(item.get("reference") == f"Coverage/{coverage_id}" for item in related)
    )


def _cards(work: UnitOfWork, patient_id: str, coverage_id: str, side: str) -> list[Resource]:
    page = Store(work).search(
        "DocumentReference", [("patient", patient_id), ("related", f"Coverage/{coverage_id}")], limit=50
    )
    found = [decode(stored.body) for stored in page.resources]
    return [document for document in found if _is_card(document, coverage_id, SIDE_TITLE.get(side, ""))]


def _keep(work: UnitOfWork, patient_id: str, content: bytes) -> str:
    binary = {
        "resourceType": "Binary",
        "contentType": STORED_TYPE,
        "securityContext": {"reference": f"Patient/{patient_id}"},
        "data": base64.b64encode(content).decode(),
    }
    return Store(work).create("Binary", encode(without_empty(binary))).id


def _picture(work: UnitOfWork, patient_id: str, binary_id: str) -> Picture | None:
    """Only of a Binary in the same record: a picture never leads into another one."""
    body = work.connection.execute(BINARY, {"id": binary_id, "patient_id": patient_id}).scalar_one_or_none()
    if body is None:
        return None
    binary = decode(body)
    return Picture(content_type=binary["contentType"], data_base64=binary.get("data") or "")
