"""Who somebody is, as the profile shows and edits it: every part of it bound to the version that was drawn."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientBanner
from data_contracts.api.registration import SHORTEST_REASON, Sex

NameUse = Literal["official", "usual", "nickname", "maiden", "old", "temp", "anonymous"]
TelecomSystem = Literal["phone", "sms", "email", "fax", "pager", "url", "other"]
TelecomUse = Literal["mobile", "home", "work", "temp", "old"]
AddressUse = Literal["home", "work", "temp", "old", "billing"]
Channel = Literal["phone", "sms", "email", "portal"]
Said = Literal["given", "refused", "not_recorded"]
PLACE = (
    "Where it stands in the record; null for a new one. What an entry holds beyond this form is kept by it."
)
PARTIAL = "ISO date; a year or a month alone when no more is known."


class NameEntry(ApiModel):
    place: int | None = Field(default=None, description=PLACE)
    use: NameUse | None = None
    family: str | None = Field(default=None, max_length=100)
    given: str | None = Field(
        default=None, max_length=200, description="All given names, the first one first."
    )
    prefix: str | None = Field(default=None, max_length=40)
    suffix: str | None = Field(default=None, max_length=40)
    start: str | None = Field(default=None, description=PARTIAL)
    end: str | None = Field(default=None, description=PARTIAL)


class TelecomEntry(ApiModel):
    place: int | None = Field(default=None, description=PLACE)
    system: TelecomSystem = "phone"
    value: str | None = Field(default=None, max_length=200)
    use: TelecomUse | None = None
    rank: int | None = Field(default=None, ge=1, le=9, description="1 is preferred.")


class AddressEntry(ApiModel):
    place: int | None = Field(default=None, description=PLACE)
    use: AddressUse | None = None
    line: str | None = Field(default=None, max_length=300, description="Street lines, one under the other.")
    city: str | None = Field(default=None, max_length=100)
    state: str | None = Field(default=None, max_length=100)
    postal_code: str | None = Field(default=None, max_length=20)
    country: str | None = Field(default=None, max_length=60)
    start: str | None = Field(default=None, description=PARTIAL)
    end: str | None = Field(default=None, description=PARTIAL)


class ContactEntry(ApiModel):
    """Somebody to call for the patient: the emergency contact, the next of kin."""

    place: int | None = Field(default=None, description=PLACE)
    name: str | None = Field(default=None, max_length=200)
    relationship: str | None = Field(
        default=None, max_length=20, description="Code of data_contracts.demographics."
    )
    phone: str | None = Field(default=None, max_length=40)
    email: str | None = Field(default=None, max_length=200)


class Heritage(ApiModel):
    """Race or ethnicity: categories and detailed codes, or that the person declined, or does not know.

    `answer` null with nothing chosen: nobody has asked.
    """

    categories: list[str] = []
    detailed: list[str] = []
    answer: Literal["declined", "unknown"] | None = None


class Demographics(ApiModel):
    """The facts of the Patient that the profile edits. Null and empty mean not recorded."""

    names: list[NameEntry] = []
    birth_date: str | None = Field(default=None, max_length=10)
    birth_order: int | None = Field(default=None, ge=1, le=10)
    sex: Sex | None = None
    birth_sex: str | None = Field(default=None, max_length=10)
    gender_identity: str | None = Field(default=None, max_length=40, description="Code, or null.")
    gender_identity_text: str | None = Field(
        default=None, max_length=100, description="Words of one without a code."
    )
    pronouns: str | None = Field(default=None, max_length=40, description="Code, or null.")
    pronouns_text: str | None = Field(default=None, max_length=100)
    race: Heritage = Heritage()
    ethnicity: Heritage = Heritage()
    language: str | None = Field(default=None, max_length=20, description="BCP 47 tag.")
    interpreter_required: bool | None = None
    deceased: bool | None = None
    deceased_on: str | None = Field(default=None, max_length=40)
    telecom: list[TelecomEntry] = []
    addresses: list[AddressEntry] = []
    contacts: list[ContactEntry] = []
    clinician_id: str | None = Field(default=None, description="Practitioner of primary care.", max_length=64)
    pharmacy: str | None = Field(default=None, max_length=200, description="Preferred pharmacy, in words.")
    pharmacy_phone: str | None = Field(default=None, max_length=40)
    active: bool = True


class SaveDemographics(ApiModel):
    """The whole form, bound to the version of the Patient that was drawn."""

    version_id: int
    facts: Demographics


class FactChange(ApiModel):
    """What somebody else changed: the field, what it was when the form was drawn, and what it is now, in words."""

    field: str
    label: str
    was: str | None
    now: str | None


class DemographicChanges(ApiModel):
    version_id: int
    changed_at: datetime
    changed_by: str | None
    changes: list[FactChange]
    facts: Demographics


class Person(ApiModel):
    """A clinician to choose from."""

    practitioner_id: str
    name: str


class Picture(ApiModel):
    """An image as it is stored: re-encoded here, without what a camera writes beside it."""

    content_type: str
    data_base64: str


class SavePicture(ApiModel):
    version_id: int
    data_base64: str = Field(max_length=14_000_000)


# Parts of the profile that are resources of their own. `version_id` null: a new one.


class CoverageFacts(ApiModel):
    order: int = Field(default=1, ge=1, le=9, description="1 primary, 2 secondary.")
    payer: str = Field(min_length=1, max_length=200)
    plan: str | None = Field(default=None, max_length=200)
    member_id: str | None = Field(default=None, max_length=60)
    group_number: str | None = Field(default=None, max_length=60)
    relationship: str = Field(default="self", description="Of the patient to the subscriber.")
    subscriber: str | None = Field(
        default=None, max_length=200, description="Name, when it is somebody else."
    )
    start: str | None = None
    end: str | None = None
    active: bool = True


class Coverage(ApiModel):
    coverage_id: str
    version_id: int
    facts: CoverageFacts
    card_sides: list[Literal["front", "back"]] = []


class SaveCoverage(ApiModel):
    version_id: int | None = None
    facts: CoverageFacts


class SaveCard(ApiModel):
    side: Literal["front", "back"]
    data_base64: str = Field(max_length=14_000_000)


class ProxyFacts(ApiModel):
    """A proxy or carer: who, what they may do for the patient, and until when."""

    name: str = Field(min_length=1, max_length=200)
    relationship: str | None = None
    phone: str | None = Field(default=None, max_length=40)
    email: str | None = Field(default=None, max_length=200)
    scopes: list[str] = Field(default=[], description="Empty: a carer who may do nothing in the record.")
    start: str | None = None
    end: str | None = Field(default=None, description="Last day. From then on the proxy may do nothing.")
    active: bool = True


class Proxy(ApiModel):
    proxy_id: str
    version_id: int
    facts: ProxyFacts
    in_force: bool


class SaveProxy(ApiModel):
    version_id: int | None = None
    facts: ProxyFacts


class CareTeamMember(ApiModel):
    practitioner_id: str | None = None
    name: str | None = Field(
        default=None, max_length=200, description="Of somebody who is not in the directory."
    )
    role: str | None = Field(default=None, max_length=100)


class CareTeamFacts(ApiModel):
    care_team_id: str | None = None
    version_id: int | None = None
    members: list[CareTeamMember] = []


class DirectiveFacts(ApiModel):
    kind: str
    status: Literal["active", "inactive", "entered-in-error"] = "active"
    on: str | None = Field(default=None, description="Date of the document.")
    note: str | None = Field(default=None, max_length=1000)


class Directive(ApiModel):
    directive_id: str
    version_id: int
    facts: DirectiveFacts
    document: str | None = Field(default=None, description="Name of the document on file.")
    document_id: str | None = None


class SaveDirective(ApiModel):
    version_id: int | None = None
    facts: DirectiveFacts
    document_base64: str | None = Field(default=None, max_length=14_000_000)
    document_type: str | None = None
    document_name: str | None = Field(default=None, max_length=200)


class ConsentState(ApiModel):
    """What the person said about one kind of consent. Silence is not recorded: never a yes, never a no."""

    kind: str
    label: str
    said: Said
    on: str | None = None


class SaveConsent(ApiModel):
    """The person's word of today. A later word counts; the earlier ones stay in the record."""

    kind: str = Field(
        description="treatment, sharing, or message.phone, message.sms, message.email, message.portal."
    )
    said: Literal["given", "refused"]
    expected: Said = Field(description="What the screen showed: a word said meanwhile is shown first.")


class PatientProfile(ApiModel):
    """Everything that the profile shows, read at once."""

    banner: PatientBanner
    version_id: int
    updated_at: datetime
    facts: Demographics
    photo: Picture | None = None
    coverages: list[Coverage] = []
    proxies: list[Proxy] = []
    care_team: CareTeamFacts = CareTeamFacts()
    directives: list[Directive] = []
    consents: list[ConsentState] = []
    clinicians: list[Person] = []


class Saved(ApiModel):
    """What was written."""

    resource_id: str
    version_id: int


class EndPart(ApiModel):
    """Marks a part that was entered in error; it stays in the history."""

    version_id: int
    reason: str = Field(min_length=SHORTEST_REASON, max_length=500)
