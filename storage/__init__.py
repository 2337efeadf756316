"""Remembers: rows, vault, migrations. The only folder that speaks SQL."""
