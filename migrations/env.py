"""How Alembic runs our migrations: one transaction, alone, on SQLite with foreign keys at rest.

``portal db upgrade`` hands over a connection; ``alembic revision`` has none and reads the settings.
"""

import pkgutil
from importlib import import_module

import sqlalchemy as sa
from alembic import context
from sqlalchemy import Connection

import portal
from portal.foundation.db import Base, listen

# Two machines that start at once upgrade one after the other (any number of our own will do).
UPGRADE_LOCK = 7_076_746_001


def import_tables() -> None:
    """Import every room's models, so that the metadata is whole."""
    for room in pkgutil.iter_modules(portal.__path__):
        names = {file.name for file in pkgutil.iter_modules([f"{portal.__path__[0]}/{room.name}"])}
        if "models" in names:
            import_module(f"portal.{room.name}.models")


def migrate(connection: Connection) -> None:
    """Run the migrations on *connection*, on which no transaction is open yet."""
    sqlite = connection.dialect.name == "sqlite"
    driver = connection.connection.driver_connection
    if sqlite:
        # Rebuilding a parent table would delete its children by cascade. The pragma does nothing
        # inside a transaction, so it is sent before SQLAlchemy begins one.
        driver.execute("PRAGMA foreign_keys=OFF")
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=sqlite,
        transactional_ddl=True,
    )
    try:
        with connection.begin():
            if not sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(UPGRADE_LOCK)))
            context.run_migrations()
            if sqlite and (orphans := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
                raise SystemExit(f"the migration would leave {len(orphans)} rows without parents")
    finally:
        if sqlite:
            driver.execute("PRAGMA foreign_keys=ON")


def main() -> None:
    """Use the connection that was handed over, or make one from the settings."""
    import_tables()
    connection: Connection | None = context.config.attributes.get("connection")
    if connection is not None:
        migrate(connection)
        return
    from portal.foundation.settings import load_settings

    engine = sa.create_engine(load_settings().database)
    listen(engine)
    with engine.connect() as own:
        migrate(own.execution_options(portal_write=True))


main()
