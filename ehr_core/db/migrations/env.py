"""Runs Almoner's migrations on the connection that `ehr_core.db.bootstrap` hands in."""

from alembic import context

from ehr_core.db.policies import apply_policies
from ehr_core.kernel.errors import StartupFailed

connection = context.config.attributes.get("connection")
if connection is None:
    raise StartupFailed(
        "Migrations run through `almoner migrate`, which connects and locks the database first."
    )
# A migration waits at most this long for a busy table: better one clear failure than a queue of stuck requests.
connection.exec_driver_sql("SET lock_timeout = '15s'")
connection.commit()
context.configure(connection=connection, target_metadata=None, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
apply_policies(connection)
connection.exec_driver_sql("SET lock_timeout = DEFAULT")
connection.commit()
