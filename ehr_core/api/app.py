"""Puts the API together: settings, database, identity, error handlers, and one router a room."""

from __future__ import annotations

import functools
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.routing import BaseRoute

from ehr_core.access.demonstration import refuse_demonstration_in_production
from ehr_core.access.identity import Identity
from ehr_core.api import health
from ehr_core.api.addresses import addresses_of
from ehr_core.api.audit_sealer import AuditSealer
from ehr_core.api.audit_watcher import AuditWatcher
from ehr_core.api.bulk import routes as bulk
from ehr_core.api.bulk.runner import BulkRunner
from ehr_core.api.bulk_import import routes as bulk_import
from ehr_core.api.bulk_import.runner import ImportRunner
from ehr_core.api.cds_hooks import routes as cds_hooks
from ehr_core.api.clinic_clock import ClinicClock
from ehr_core.api.dependencies import POOL_SIZE, Parts
from ehr_core.api.errors import install_error_handlers
from ehr_core.api.fhir import routes as fhir
from ehr_core.api.guard import RequestGuard
from ehr_core.api.guide_indexer import GuideIndexer
from ehr_core.api.outside_cds.asking import OutsideSupport
from ehr_core.api.outside_cds.feedback import FeedbackCarrier
from ehr_core.api.process_census import ProcessCensus
from ehr_core.api.rate_limits import RateLimits
from ehr_core.api.routes import (
    access,
    account,
    alerts,
    allergies,
    apps,
    audit,
    care_gaps,
    charting,
    data_quality,
    decision_support,
    disclosures,
    history,
    medications,
    merges,
    messaging,
    notes,
    official_measures,
    official_uploads,
    orders,
    outside,
    pipeline,
    portal,
    profile,
    quality,
    questionnaires,
    reconciliation,
    registration,
    results_inbox,
    risk,
    scheduling,
    visits,
    worklist,
)
from ehr_core.api.smart import authorize, discovery, invitation, logout, passkeys, token
from ehr_core.api.smart import outside as outside_sign_in
from ehr_core.api.smart.application_keys import ApplicationKeys
from ehr_core.api.smart.refusals import install_refusals
from ehr_core.api.subscriptions import routes as subscriptions
from ehr_core.api.subscriptions.worker import SubscriptionWorker
from ehr_core.api.visit_keeper import VisitKeeper
from ehr_core.db.database import Database, connect
from ehr_core.decision_support.service import preload
from ehr_core.kernel.clock import Clock, SystemClock
from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.logging import configure_logging
from ehr_core.kernel.secrets import load_or_create_secrets
from ehr_core.kernel.settings import Settings
from ehr_core.kernel.vault import Vault, use_vault
from ehr_core.outside.signing import OutsideSigner
from ehr_core.store.key_check import require_its_key_ring

ROOMS = (
    health,
    discovery,
    bulk,
    bulk_import,
    subscriptions,
    fhir,
    authorize,
    outside_sign_in,
    token,
    logout,
    invitation,
    passkeys,
    access,
    account,
    alerts,
    allergies,
    apps,
    audit,
    registration,
    profile,
    merges,
    charting,
    notes,
    questionnaires,
    history,
    orders,
    results_inbox,
    risk,
    medications,
    reconciliation,
    decision_support,
    disclosures,
    scheduling,
    visits,
    messaging,
    care_gaps,
    worklist,
    quality,
    data_quality,
    official_measures,
    official_uploads,
    portal,
    pipeline,
    outside,
    cds_hooks,
)
"""One line a room: a module of ehr_core/api/routes with a `router`. Import it above, name it here.
What others ask stands first, as an address is looked for in this order; among it `fhir` last: its addresses take any
word for a resource type."""

BACKGROUND = (
    "bulk_runner",
    "import_runner",
    "visit_keeper",
    "clinic_clock",
    "audit_sealer",
    "audit_watcher",
    "subscriptions",
    "guide_indexer",
    "process_census",
)
"""What works beside the answers, in the order of its start; the last is the first to stop."""


def create_app(
    settings: Settings | None = None, database: Database | None = None, clock: Clock | None = None
) -> FastAPI:
    """The API. Tests hand in a database and a clock; otherwise both come from the settings."""
    owns_process = settings is None
    if settings is None:
        settings = Settings()
        configure_logging(settings.log_level, json=True)
    secrets = load_or_create_secrets(settings.state_folder)
    use_vault(Vault.of(settings))
    database = database or open_database(settings)
    clock = clock or SystemClock()
    app = FastAPI(
        title="Almoner",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_background_work,
    )
    identity = Identity(database, clock, settings, secrets)
    app.state.owns_process = owns_process
    parts = app.state.parts = Parts(settings, secrets, database, clock, identity)
    app.state.rate_limits = RateLimits(settings)
    app.state.process_census = ProcessCensus(database, app.state.rate_limits.share_among)
    app.state.outside_signer = OutsideSigner(secrets.token_signing_key, settings.issuer)
    app.state.application_keys = ApplicationKeys(parts)
    app.state.outside_support = OutsideSupport(parts, app.state.outside_signer)
    app.state.subscriptions = SubscriptionWorker(parts, app.state.outside_signer)
    app.state.feedback_carrier = FeedbackCarrier(app.state.outside_support)
    app.state.subscriptions.also("feedback", app.state.feedback_carrier.carry_one)
    app.state.bulk_runner = BulkRunner(database, clock, settings, secrets, identity)
    app.state.import_runner = ImportRunner(parts)
    app.state.audit_sealer = AuditSealer(database, clock, settings, secrets)
    app.state.audit_watcher = AuditWatcher(database, clock, settings)
    app.state.visit_keeper = VisitKeeper(database, clock, settings, secrets)
    app.state.guide_indexer = GuideIndexer(database, clock, settings)
    app.state.clinic_clock = ClinicClock(database, clock, settings)
    install_error_handlers(app)
    install_refusals(app)
    app.add_middleware(RequestGuard)
    app.router.routes.extend(rooms_routes())
    app.state.addresses = addresses_of(room.router for room in ROOMS)
    return app


@functools.cache
def rooms_routes() -> tuple[BaseRoute, ...]:
    """The rooms' addresses, once a process: to work out what each takes is most of an application's cost.

    They know no application; a request says which one it came to.
    """
    house = FastAPI(openapi_url=None)
    for room in ROOMS:
        house.include_router(room.router)
    return tuple(house.routes)


def open_database(settings: Settings) -> Database:
    """The database as the weaker application role; the supervisor says where it is."""
    if not settings.app_database_url:
        raise StartupFailed(
            "The API does not know its database. Start it with 'almoner up', or set ALMONER_APP_DATABASE_URL "
            "to the address of the application role (never the owner's)."
        )
    return connect(settings.app_database_url, pool_size=POOL_SIZE)


@asynccontextmanager
async def _background_work(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    refuse_demonstration_in_production(parts.database, parts.settings)
    require_its_key_ring(parts.database, parts.clock)
    preload(parts.settings.immunization_schedule)
    if app.state.owns_process:
        spare_what_stays()
    running = [getattr(app.state, name) for name in BACKGROUND]
    for one in running:
        one.start()
    yield
    for one in reversed(running):
        one.stop()
    parts.database.dispose()


def spare_what_stays() -> None:
    """Libraries and knowledge live as long as the process: each full collection would walk through all of it again."""
    gc.collect()
    gc.freeze()
