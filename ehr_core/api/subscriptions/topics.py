"""The topics that can be subscribed to, read from topics.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from data_contracts.code_systems import OWN
from ehr_core.kernel.errors import InvalidResource, Issue


@dataclass(frozen=True)
class Topic:
    """`resources` trigger it when one is created or updated."""

    name: str
    title: str
    description: str
    resources: tuple[str, ...]
    deletes: bool

    @property
    def url(self) -> str:
        return f"{OWN}/SubscriptionTopic/{self.name}"


@cache
def topics() -> Mapping[str, Topic]:
    """By address."""
    text = files("ehr_core.api.subscriptions").joinpath("topics.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)
    found = (
        Topic(name, row["title"], row["description"], tuple(row["resources"]), row["deletes"])
        for name, row in rows.items()
    )
    return MappingProxyType({topic.url: topic for topic in found})


def topic_of(url: str) -> Topic:
    """Raises InvalidResource that lists what there is."""
    try:
        return topics()[url]
    except KeyError:
        raise InvalidResource(
            [Issue("Subscription.criteria", f"is no topic of this server. Choose from {', '.join(topics())}")]
        ) from None
