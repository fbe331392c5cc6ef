"""Server-side request forgery: what this server calls, and above all what it does not."""

from __future__ import annotations

import ipaddress

import pytest

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.settings import Settings
from ehr_core.outside.addresses import AddressRefused, Reach, check_shape, reach_of, resolved

PUBLIC, OTHER = "93.184.216.34", "8.8.8.8"
CLOSED = Reach()


def leads_to(*ips: str):
    return lambda host, port: list(ips)


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.9",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.7",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2002:a00:1::",
        "2001:db8::1",
    ],
)
def test_no_name_leads_into_a_private_network(ip):
    with pytest.raises(AddressRefused, match="private network"):
        resolved("https://hook.example.org/x", CLOSED, leads_to(ip))


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/latest",
        "https://10.0.0.1:8443/x",
        "https://192.168.0.1/",
    ],
)
def test_no_number_does_either(url):
    with pytest.raises(AddressRefused, match="private network"):
        resolved(url, CLOSED, leads_to(PUBLIC))


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
def test_numbers_in_other_spellings_are_judged_by_where_they_lead(host):
    with pytest.raises(AddressRefused):
        resolved(f"https://{host}/", CLOSED, leads_to("127.0.0.1"))


def test_one_bad_answer_among_good_ones_is_enough():
    with pytest.raises(AddressRefused):
        resolved("https://hook.example.org/", CLOSED, leads_to(PUBLIC, "10.0.0.1"))


@pytest.mark.parametrize(
    "url",
    [
        "http://hook.example.org/",
        "ftp://hook.example.org/",
        "file:///etc/passwd",
        "gopher://hook.example.org/",
        "https://",
        "https:///x",
        "https://user@hook.example.org/",
        "https://user:secret@hook.example.org/",
        "https://hook.example.org/#part",
        "https://hook.example.org\\@127.0.0.1/",
        "https://hook.example.org/ x",
        "https://hook.example.org/\r\nX-Evil: 1",
        "https://hook.example.org:99999/",
        "https://" + "a" * 2100,
        "javascript:alert(1)",
        "//hook.example.org/",
        "https://hook..example.org/",
        "https://hook.example.org%2f@x/",
        "https://[::1/",
        "https://[hook]/",
        "",
    ],
)
def test_other_shapes_are_refused_before_any_name_is_looked_up(url):
    def nobody_asks(host: str, port: int) -> list[str]:
        raise AssertionError("a name was looked up")

    with pytest.raises(AddressRefused, match=r"^endpoint: "):
        check_shape(url, CLOSED, "endpoint")
    with pytest.raises(AddressRefused):
        resolved(url, CLOSED, nobody_asks)


def test_a_public_machine_is_called_at_the_address_that_was_judged():
    """A name that is rebound between two look-ups leads nowhere: there is one look-up, and its answer is called."""
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    target = resolved("https://hook.example.org:8443/a?b=c", CLOSED, lambda host, port: next(answers))
    assert (target.ip, target.host, target.port, target.path) == (PUBLIC, "hook.example.org", 8443, "/a?b=c")
    assert resolved("https://[2606:4700::1111]/", CLOSED).ip == "2606:4700::1111"


def test_a_site_opens_networks_of_its_own_and_nothing_beside_them():
    reach = Reach((ipaddress.ip_network("10.20.0.0/16"),))
    assert resolved("https://cds.hospital.example/", reach, leads_to("10.20.3.4")).ip == "10.20.3.4"
    with pytest.raises(AddressRefused):
        resolved("https://cds.hospital.example/", reach, leads_to("10.21.3.4"))
    with pytest.raises(AddressRefused):
        check_shape("http://cds.hospital.example/", reach)


def test_plain_http_is_for_this_machine_in_development_alone(tmp_path):
    reach = reach_of(Settings(state=tmp_path, outside_networks="127.0.0.0/8, ::1/128"))
    assert resolved("http://127.0.0.1:9000/", reach).ip == "127.0.0.1"
    with pytest.raises(AddressRefused):
        resolved("http://hook.example.org/", reach, leads_to(OTHER))
    with pytest.raises(BadRequest, match="ALMONER_OUTSIDE_NETWORKS"):
        reach_of(Settings(state=tmp_path, environment="production", outside_networks="127.0.0.0/8"))
    with pytest.raises(BadRequest, match="ALMONER_OUTSIDE_NETWORKS"):
        reach_of(Settings(state=tmp_path, outside_networks="everywhere"))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "[::1]", "[::ffff:10.0.0.5]", "10.0.0.5", "169.254.169.254", "[fe80::1]", "0.0.0.0"),
        *(
            "localhost",
            "LOCALHOST.",
            "x.localhost",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "a.0x7f",
        ),
        *("-hook.example.org", "hook<.example.org", "a" * 64 + ".example.org", "a." * 127 + "org"),
    ],
)
def test_what_cannot_be_called_is_refused_before_it_is_kept(host):
    with pytest.raises(AddressRefused, match=r"^endpoint: "):
        check_shape(f"https://{host}/", CLOSED, "endpoint")


@pytest.mark.parametrize(
    "host",
    [
        "hook.example.org",
        "HOOK.example.org.",
        "x_y.example.org",
        "8.8.8.8",
        "[2606:4700::1111]",
        "xn--bcher-kva.de",
    ],
)
def test_what_may_be_called_is_kept(host):
    check_shape(f"https://{host}/", CLOSED, "endpoint")
    check_shape("https://10.20.0.9/", Reach((ipaddress.ip_network("10.20.0.0/16"),)))
