"""Orders as they are placed at the chart."""

from __future__ import annotations

from pydantic import Field

from data_contracts.api.model import ApiModel


class PlaceOrder(ApiModel):
    code_system: str = Field(max_length=200, description="URI of the code system.")
    code: str = Field(max_length=50)
    display: str = Field(min_length=1, max_length=200, description="What is ordered, in words.")
    reason: str | None = Field(default=None, max_length=500)


class PlacedOrder(ApiModel):
    service_request_id: str
    version_id: int
