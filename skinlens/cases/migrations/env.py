"""Runs the migrations on the connection that `database.open_database` hands over."""

from alembic import context

from skinlens.cases.schema import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
context.run_migrations()
