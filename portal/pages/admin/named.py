"""What a filter calls by name: found as people spell it, offered to choose from, or said to be not.

A name that nobody has would find nothing, as if nothing had happened: it is an error instead.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from uuid import UUID

from sqlalchemy.orm import Session

from portal.staff.queries import listed
from portal.trust.queries import OrganisationRow
from portal.web.forms import PortalForm

MOST_OFFERED = 300  # of which the longest names still leave a page below its bound


def organisations_to_choose(rows: Sequence[OrganisationRow]) -> list[tuple[str, str]]:
    """Return short name and name of each, to be proposed beside the field; of very many none."""
    return [(row.slug, row.name) for row in rows] if len(rows) <= MOST_OFFERED else []


def sponsors_to_choose(session: Session) -> list[tuple[str, str]]:
    """Return address and name of each employee who may vouch, as the organisations are."""
    rows = [row for row in listed(session) if row.state == "active" and row.is_sponsor]
    return [(row.email, row.name) for row in rows] if len(rows) <= MOST_OFFERED else []


def organisation_named(form: PortalForm, rows: Sequence[OrganisationRow]) -> UUID | None:
    """Return the organisation that the form's field *organisation* names, by short name or name.

    None where it names none; that is said at the field where something was typed.
    """
    said = form["organisation"].data
    if not said:
        return None
    spelled = {row.name.casefold(): row for row in rows} | {row.slug: row for row in rows}
    if row := spelled.get(said.casefold()):
        return row.id
    meant = {spelling: row.slug for spelling, row in spelled.items()}
    form.refuse(
        field="organisation",
        message=f"There is no organisation called '{said}'. {hint(said, meant)}",
    )
    return None


def known_name(form: PortalForm, field: str, thing: str, names: Iterable[str]) -> str | None:
    """Return the name in a field, if it is one of these; otherwise none, said at the field."""
    said: str | None = form[field].data
    if not said:
        return None
    meant = {name: name for name in names}
    if said in meant:
        return said
    form.refuse(field=field, message=f"There is no {thing} called '{said}'. {hint(said, meant)}")
    return None


def hint(said: str, meant: Mapping[str, str]) -> str:
    """Return what to do about a name that nobody has: the one that is spelled alike, if any.

    Args:
        said: as it was typed.
        meant: by each spelling the name to propose.
    """
    close = get_close_matches(said.casefold(), meant, n=1)
    return f"Did you mean {meant[close[0]]}?" if close else "Choose one of those offered"
