"""Alembic's entry: `storage.migrate` hands in a connection whose transaction it has begun, and ends itself."""

from alembic import context

from storage.tables import METADATA
from storage.types import tell_which_rows

tell_which_rows(METADATA)
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    compare_type=True,
    render_as_batch=True,  # SQLite changes a table by building it anew
    user_module_prefix="storage.types.",
)
with context.begin_transaction():
    context.run_migrations()
