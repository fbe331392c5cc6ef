"""Is this service alive, and does it reach its database? For the supervisor; says nothing else."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ehr_core.api.dependencies import ProcessParts
from ehr_core.kernel.errors import Unavailable

router = APIRouter(tags=["health"])


@router.get("/health")
def health(parts: ProcessParts) -> dict[str, str]:
    """200 when the database answers; 503 when it does not."""
    try:
        with parts.database.system() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        raise Unavailable("The database cannot be reached.") from error
    return {"status": "ok", "database": "reachable"}
