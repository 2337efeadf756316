"""Alembic: the schema's history. `bulou migrate` hands the URL in."""
