"""Tables in which history is written: the database itself refuses to change or delete what stands there."""

from sqlalchemy import Connection

_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is appended to only'); END
"""
_POSTGRES = """
CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""
_REFUSE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is appended to only', TG_TABLE_NAME; END $$
"""


def protect(connection: Connection, *tables: str) -> None:
    """Refuse every UPDATE and DELETE on these tables from now on. SQLite forgets it when a table is built anew."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_REFUSE)
    for table in tables:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(_POSTGRES.format(table=table))
        else:
            for verb in ("update", "delete"):
                connection.exec_driver_sql(_SQLITE.format(table=table, verb=verb))
