"""Who asks: the session of this request, and what its person may do now.

Asked on every request, from the rows: a removed guest's, a disabled provider's or a departed
employee's session is dead here, whatever its cookie says. So is an employee's whose sign-in was
weaker than the host demands of them now: that is a setting, which no transaction changes.
"""

from dataclasses import dataclass

from flask import g

from portal.access.queries import Known
from portal.access.rules import AccessDecision, Against, access
from portal.audit.rules import Event
from portal.foundation import clock
from portal.foundation.current import current_settings
from portal.foundation.db import db
from portal.guests.rules import State
from portal.sign_in.queries import LiveSession
from portal.sign_in.session import current_session
from portal.staff.queries import StaffRow, staff_by_id
from portal.trust.rules import strong_enough
from portal.web.guards import Viewer


@dataclass(frozen=True, slots=True)
class GuestViewer:
    """A guest with a live session, and the access decision of this request."""

    session: LiveSession
    known: Known
    decision: AccessDecision


@dataclass(frozen=True, slots=True)
class StaffViewer:
    """An employee with a live session."""

    session: LiveSession
    staff: StaffRow


def current() -> GuestViewer | StaffViewer | None:
    """Return who asks, read once a request; nobody where the session is dead."""
    if "house_viewer" not in g:
        g.house_viewer = _load()
    viewer: GuestViewer | StaffViewer | None = g.house_viewer
    return viewer


def _load() -> GuestViewer | StaffViewer | None:
    session = current_session()
    if session is None:
        return None
    if session.guest_id is not None:
        return _guest(session)
    assert session.staff_id is not None
    staff = staff_by_id(db.session(), session.staff_id)
    if staff is None or staff.state != "active" or not staff.roles:
        return None
    return StaffViewer(session, staff) if _strong(session) else None


def _strong(session: LiveSession) -> bool:
    """Say whether an employee's sign-in was as strong as the settings demand by now."""
    settings = current_settings()
    return session.break_glass or strong_enough(
        session.acr, session.amr, settings.host_oidc_accepted_acr, settings.host_oidc_accepted_amr
    )


def _guest(session: LiveSession) -> GuestViewer | None:
    known = session.known
    if known is None or known.session_epoch != session.guest_epoch:
        return None
    decision = access(known.facts, clock.policy_now())
    dead = {Against.REMOVED, Against.IDENTITY_PROVIDER_DISABLED}
    return None if dead & set(decision.reasons) else GuestViewer(session, known, decision)


def session_ended(why: str) -> Event:
    """Return the event of a session that the person behind this request ends."""
    match current():
        case GuestViewer(known=known):
            return Event(
                "session.ended",
                organisation_id=known.columns["organisation_id"],
                guest_id=known.guest_id,
                data={"why": why, "staff": None},
            )
        case StaffViewer(staff=staff):
            return Event("session.ended", data={"why": why, "staff": staff.id})
        case None:
            return Event("session.ended", data={"why": why, "staff": None})


def load() -> Viewer | None:
    """Return who asks, as the guards want to know it."""
    match current():
        case GuestViewer() as guest:
            return Viewer(
                "guest",
                guest.known.guest_id,
                guest.known.name or guest.known.email or "guest",
                confined_to=_confined(guest.decision),
            )
        case StaffViewer() as employee:
            return Viewer(
                "staff",
                employee.staff.id,
                employee.staff.name,
                roles=frozenset(employee.staff.roles),
                # Break-glass was given at the server's shell: by whoever can do all of it there.
                unconfirmed=employee.staff.roles_unknown and not employee.session.break_glass,
            )
        case None:
            return None


def _confined(decision: AccessDecision) -> tuple[str, ...]:
    """Return the only pages a guest may see who has no access, or must accept new terms first."""
    if Against.TERMS in decision.reasons:
        return ("guest.terms", "guest.accept_terms")
    if decision.standing.state == State.SUSPENDED:
        return ("guest.standing",)
    return ()
