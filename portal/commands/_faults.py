"""What the shell says of a database that does not do as it should."""

from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from portal.foundation.settings import Settings

_OLD_SCHEMA: Final = frozenset({"42P01", "42703"})  # PostgreSQL: undefined_table, undefined_column


def is_old_schema(fault: SQLAlchemyError) -> bool:
    """Say whether a table or a column is missed: an upgrade makes it."""
    original = getattr(fault, "orig", None)
    missed = "no such table" in str(original) or "no such column" in str(original)
    return missed or getattr(original, "sqlstate", None) in _OLD_SCHEMA


def database_fault(fault: SQLAlchemyError, settings: Settings) -> str:
    """Return what to do when the database does not answer as it should."""
    original = getattr(fault, "orig", None) or fault
    if "locked" in str(original) or "deadlock" in str(original):
        return "The database is busy: try again in a moment"
    return f"The database cannot be used ({first_line(original)}): see {where_it_is(settings)}"


def first_line(fault: BaseException) -> str:
    """Return the first line of what a library says of a fault, or at least its kind."""
    return str(fault).strip().partition("\n")[0][:200] or type(fault).__name__


def where_it_is(settings: Settings) -> str:
    """Return what to look at when the database cannot be used."""
    if settings.database_url:
        return "PORTAL_DATABASE_URL"
    return "PORTAL_DATA_DIR, its disk, and whose files are in it"
