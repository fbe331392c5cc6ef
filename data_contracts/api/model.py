"""The base of every request and response of the rooms' API: strict, frozen, the same class on both sides."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ApiModel(BaseModel):
    """Unknown fields are refused: a misspelled field must fail, not vanish."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(ApiModel):
    """Which part of a longer list this is. `total` counts every row that the filters match."""

    number: int
    size: int
    total: int
