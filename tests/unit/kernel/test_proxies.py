"""Which proxies may be named, and that a wrong name is told before anything starts."""

from __future__ import annotations

import pytest

from ehr_core.kernel.errors import BadSetting
from ehr_core.kernel.http_server import config
from ehr_core.kernel.proxies import trusted_proxies
from ehr_core.kernel.settings import Settings

WRONG = ("*", "10.0.0.5,*", "proxy.example.org", "10.0.0.1/8", "0.0.0.0/0", "::/0", "10.0.0.300")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", []),
        ("10.0.0.5", ["10.0.0.5"]),
        (" 10.0.0.5 , fd00::/8 ,", ["10.0.0.5", "fd00::/8"]),
    ],
)
def test_addresses_and_networks_are_read(text, named):
    assert trusted_proxies(text) == named


@pytest.mark.parametrize("text", WRONG)
def test_nobody_is_trusted_by_a_wrong_word(text, monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", text)
    with pytest.raises(BadSetting, match=r"FORWARDED_ALLOW_IPS is .*addresses and networks"):
        Settings()
    with pytest.raises(BadSetting, match="FORWARDED_ALLOW_IPS"):
        config("nowhere:app", host="127.0.0.1", port=1)


def test_without_a_name_no_header_is_looked_at(monkeypatch):
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    assert not config("nowhere:app", host="127.0.0.1", port=1).proxy_headers
