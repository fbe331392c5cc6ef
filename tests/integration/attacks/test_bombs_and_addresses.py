"""What grows, leads out, or makes the server call somebody: XML entities, bombs, zip slip, and addresses."""

from __future__ import annotations

import gzip
import tarfile
import xml.etree.ElementTree as ElementTree

import httpx
import pytest

from data_contracts.api.apps import NewApp
from ehr_core.access import application_keys
from ehr_core.api.fhir import exchange, writing
from ehr_core.kernel.errors import BadRequest
from ehr_core.outside import addresses
from ehr_core.store.guides import package
from ehr_core.store.repository import Store
from tests.integration.fhir.conftest import patient
from tests.integration.outside.subscribing import Subscriber, subscription
from tests.lib.guide_files import packed, plain
from tests.lib.receiver import receiver
from tests.lib.smart_app import SmartApp, jwks_of
from tests.lib.weakened import assert_guarded

ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE Patient [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]>'
    '<Patient xmlns="http://hl7.org/fhir"><name><family value="&b;"/></name></Patient>'
)


def test_no_entity_is_unfolded_as_no_xml_is_read(chen):
    """Under its own media type, and as if it were JSON."""

    def attack() -> bool:
        answers = [
            chen.send("POST", "/Patient", ENTITIES.encode(), Content_Type=kind)
            for kind in ("application/fhir+xml", "application/xml", "application/fhir+json")
        ]
        return any("lollollollol" in answer.text for answer in answers)

    ready = writing._ready

    def with_xml(request, parts, work, resource_type, body, resource_id=None):
        store, content = ready(request, parts, work, resource_type, body, resource_id)
        if content.startswith(b"<?xml"):
            family = ElementTree.fromstring(content).find(".//{*}family").get("value")
            content = exchange.msgspec.json.encode({"resourceType": "Patient", "name": [{"family": family}]})
        return store, content

    assert_guarded(attack, lambda patch: patch.setattr(writing, "_ready", with_xml))


def test_nothing_of_a_package_leads_out_of_it(tmp_path):
    """Zip slip: whoever writes the names down as they are writes beside the folder."""
    packages = [
        packed(tmp_path / f"{number}.tgz", [plain(name, b"{}")])
        for number, name in enumerate(
            ("package/../../x.json", "/etc/x.json", "package\\..\\x.json", "C:/x.json")
        )
    ]

    def attack() -> bool:
        led_out = 0
        for one in packages:
            try:
                package.read_package(one)
            except package.BadPackage as refused:
                led_out += "leads out" not in refused.message
        return led_out > 0

    def any_name(member: tarfile.TarInfo):
        return package.PurePosixPath(member.name)

    assert_guarded(attack, lambda patch: patch.setattr(package, "_inner_path", any_name))


def test_a_bomb_is_left_while_it_is_small(tmp_path, monkeypatch):
    """Counted by what came out of it, at a limit that a test can reach."""
    monkeypatch.setattr(package, "SMALL", 64 * 1024)
    bomb = tmp_path / "bomb.tgz"
    header = tarfile.TarInfo("package/ValueSet-x.json")
    header.size = 8_000_000
    bomb.write_bytes(gzip.compress(header.tobuf() + b" " * 8_000_000, mtime=0))
    unfolded = []

    def attack() -> bool:
        unfolded.clear()
        with pytest.raises((package.BadPackage, package.PackageTooLarge)):
            package.read_package(bomb)
        return sum(unfolded) > 4_000_000

    measured = package._Measured.read

    def counted(self, size):
        found = measured(self, size)
        unfolded.append(len(found))
        return found

    monkeypatch.setattr(package._Measured, "read", counted)
    assert_guarded(attack, lambda patch: patch.setattr(package, "MOST_GROWTH", 10**9))


PRIVATE = (
    "https://169.254.169.254/latest/meta-data", "https://10.0.0.5/", "https://[::1]/", "https://127.0.0.1:1/",
    "https://[::ffff:10.0.0.5]/", "https://localhost/",
)  # fmt: skip


@pytest.mark.parametrize("url", PRIVATE)
def test_no_address_leads_into_the_clinics_network(url):
    def attack() -> bool:
        try:
            addresses.resolved(url, addresses.Reach(), lambda host, port: ["127.0.0.1"])
        except addresses.AddressRefused:
            return False
        return True

    assert_guarded(attack, lambda patch: patch.setattr(addresses.Reach, "allows", lambda self, ip: True))


def test_a_subscription_and_a_cds_service_name_no_address_of_another_kind(api, chen):
    subscriber = Subscriber(api)
    token = api.signed_in("admin-of-addresses", "admin").transport._token_source()
    admin = api.http(headers={"Authorization": f"Bearer {token}"})
    for url in (
        "file:///etc/passwd",
        "gopher://x/",
        "https://user:pass@x.example/",
        "https://x.example/\r\nX: y",
    ):

        def subscribes(url=url) -> bool:
            return subscriber.send("POST", "/Subscription", subscription(url)).status_code == 201

        def configures(url=url) -> bool:
            asked = {"service_id": "x", "hook": "patient-view", "title": "X", "url": url}
            return admin.post("/api/outside/cds-services", json=asked).status_code == 201

        def any_shape(patch) -> None:
            patch.setattr(addresses, "_parts", lambda url, reach, what: ("https", "x.example", 443, "/"))

        assert_guarded(configures, any_shape)
        if "\r" not in url:
            assert_guarded(subscribes, any_shape)


def test_no_attachment_is_fetched(chen):
    """The address of an attachment is kept as it was sent: nobody here goes there."""
    with receiver() as elsewhere:

        def attack() -> bool:
            photo = [{"contentType": "image/png", "url": f"{elsewhere.url}/photo.png"}]
            assert chen.put(patient("photographed", photo=photo)).status_code in (200, 201)
            chen.get("/Patient/photographed/$everything")
            return bool(elsewhere.taken)

        prepared = Store._prepared

        def fetching(self, type_name, body, resource_id, **more):
            content, promoted = prepared(self, type_name, body, resource_id, **more)
            for photo in exchange.msgspec.json.decode(body).get("photo", ()):
                httpx.get(photo["url"])
            return content, promoted

        assert_guarded(attack, lambda patch: patch.setattr(Store, "_prepared", fetching))


def test_an_application_names_no_address_of_keys_within_the_clinics_network(api):
    admin = api.signed_in("admin-of-keys", "admin")
    for url in ("https://169.254.169.254/jwks.json", "https://10.0.0.5/"):

        def attack(url=url) -> bool:
            wanted = NewApp(name="Fetch me", kind="backend", scopes=["system/Patient.rs"], jwks_uri=url)
            try:
                admin.apps.register(wanted)
            except BadRequest:
                return False
            return True

        assert_guarded(attack, lambda patch: patch.setattr(addresses.Reach, "allows", lambda self, ip: True))


def test_a_name_that_leads_into_the_clinics_network_later_is_not_called_for_keys(api, monkeypatch):
    """Registered while it led outside; the private machine shows keys that the attacker knows."""
    monkeypatch.setattr(api.app.state.application_keys, "look", lambda host, port: ["127.0.0.1"])
    monkeypatch.setattr(api.parts.settings, "outside_networks", "127.0.0.2/32")
    with receiver() as inside:
        app = SmartApp(
            api,
            kind="backend",
            scopes=("system/Patient.rs",),
            jwks_uri=f"http://keys.example:{inside.port}/",
        )
        inside.answer = lambda taken: (200, jwks_of(app.key).encode())

        def attack() -> bool:
            form = app.assertion_form() | {"grant_type": "client_credentials", "scope": "system/Patient.rs"}
            got_in = api.http().post("/auth/token", data=form).status_code == 200
            monkeypatch.setattr(api.clock, "instant", api.clock.instant + application_keys.PAUSE)
            return got_in and bool(inside.taken)

        assert_guarded(attack, lambda patch: patch.setattr(addresses.Reach, "allows", lambda self, ip: True))
