"""May this employee in, and as what? Only the host's own identity provider is ever asked."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

ROLES: Final = ("sponsor", "admin")
LINK_PATH: Final = "/staff/link/{token}"  # of both purposes: a page with one button
BIND_LINK_LIFE: Final = timedelta(days=7)
MOMENT: Final = timedelta(minutes=1)  # in which putting somebody in again mails no second link
SIGN_IN_LINK_LIFE: Final = timedelta(minutes=15)


class Outcome(StrEnum):
    """What becomes of an employee at the host's sign-in."""

    CREATED = "created"
    SIGNED_IN = "signed_in"
    ROLES_CHANGED = "roles_changed"  # signed in, with other roles than before
    REFUSED = "refused"


class Reason(StrEnum):
    """Why an employee is refused; people read kinder words."""

    GUEST_ACCOUNT = "staff.guest_account"  # a guest of the host's own directory
    ASSURANCE = "oidc.assurance"
    LEFT = "staff.left"
    UNKNOWN = "staff.unknown"  # nobody put them in, and no claim could
    NOT_BOUND = "staff.not_bound"  # put in beforehand: the mailed link comes first
    LINK = "staff.link"  # the link is used or expired, or is somebody else's
    NO_ROLE = "staff.no_role"
    ROLE_UNKNOWN = "staff.role_unknown"  # nobody here yet, and the claim says nothing
    NO_ADDRESS = "staff.no_address"


@dataclass(frozen=True, slots=True)
class StaffClaims:
    """An employee as the host's identity provider asserts them, every protocol check passed.

    Attributes:
        issuer: of the host's provider.
        subject: who it is there.
        email: canonical, ``None`` when absent or malformed.
        name: cleaned, ``None`` when absent.
        roles: values of the role claim; ``None``: absent or cut short, so unknown and not lost.
        directory_guest: whether the account is only a guest of the host's directory.
        strong: whether the sign-in meets the host's own demand for strength.
    """

    issuer: str
    subject: str
    email: str | None
    name: str | None
    roles: frozenset[str] | None
    directory_guest: bool
    strong: bool


@dataclass(frozen=True, slots=True)
class RoleSource:
    """Where roles come from.

    Attributes:
        by_claim: whether a role claim is configured, which then rules both ways.
        sponsor_value: makes a sponsor; empty: none does.
        admin_value: makes an admin; empty: none does.
    """

    by_claim: bool
    sponsor_value: str = ""
    admin_value: str = ""

    def roles_of(self, values: frozenset[str]) -> tuple[bool, bool]:
        """Return (sponsor, admin) as the values of the role claim say."""
        return (
            bool(self.sponsor_value) and self.sponsor_value in values,
            bool(self.admin_value) and self.admin_value in values,
        )


@dataclass(frozen=True, slots=True)
class KnownStaff:
    """An employee's row as the decision needs it."""

    id: UUID
    active: bool
    is_sponsor: bool
    is_admin: bool
    roles_unknown: bool


@dataclass(frozen=True, slots=True)
class StaffFacts:
    """What is known here.

    Attributes:
        known: bound to this issuer and subject.
        invited: whose single-use link was opened before this sign-in.
        link_spent: whether that link is used or expired by now.
        address_held: whether another active employee has the asserted address.
    """

    known: KnownStaff | None = None
    invited: KnownStaff | None = None
    link_spent: bool = False
    address_held: bool = False


@dataclass(frozen=True, slots=True)
class StaffDecision:
    """What happens, and why.

    Attributes:
        outcome: what becomes of them.
        reason: of a refusal.
        staff_id: whose row it is; ``None``: nobody's, or one is to be made.
        bind: whether that row is bound to this subject from now on.
        is_sponsor: from now on, also after a refusal for lost roles.
        is_admin: the same.
        roles_unknown: whether deciding waits until the claim speaks again.
        newly_unknown: whether that is new, so that admins are told.
        address_moved: whether mails go to another address from now on.
    """

    outcome: Outcome
    reason: Reason | None = None
    staff_id: UUID | None = None
    bind: bool = False
    is_sponsor: bool = False
    is_admin: bool = False
    roles_unknown: bool = False
    newly_unknown: bool = False
    address_moved: bool = False


def decide_staff(claims: StaffClaims, facts: StaffFacts, source: RoleSource) -> StaffDecision:
    """Say whether an employee may in, and as what.

    An address never binds: a row put in beforehand is reached by its subject or by its link.
    """
    if claims.directory_guest:
        return _refused(Reason.GUEST_ACCOUNT)
    if not claims.strong:
        return _refused(Reason.ASSURANCE)
    if facts.known is not None:
        others_link = facts.invited is not None and facts.invited.id != facts.known.id
        if others_link and facts.known.active:
            return _refused(Reason.LINK)
        return _decide_row(facts.known, claims, source, bind=False)
    if facts.invited is not None:
        if facts.link_spent:
            return _refused(Reason.LINK)
        return _decide_row(facts.invited, claims, source, bind=True)
    return _decide_stranger(claims, facts, source)


def _refused(reason: Reason) -> StaffDecision:
    return StaffDecision(Outcome.REFUSED, reason)


def _decide_stranger(claims: StaffClaims, facts: StaffFacts, source: RoleSource) -> StaffDecision:
    if claims.email is None:
        return _refused(Reason.NO_ADDRESS)
    if facts.address_held:
        return _refused(Reason.NOT_BOUND)
    if not source.by_claim:
        return _refused(Reason.UNKNOWN)
    if claims.roles is None:
        return _refused(Reason.ROLE_UNKNOWN)
    sponsor, admin = source.roles_of(claims.roles)
    if not sponsor and not admin:
        return _refused(Reason.NO_ROLE)
    return StaffDecision(Outcome.CREATED, is_sponsor=sponsor, is_admin=admin)


def _decide_row(
    row: KnownStaff, claims: StaffClaims, source: RoleSource, *, bind: bool
) -> StaffDecision:
    if not row.active:
        return _refused(Reason.LEFT)
    sponsor, admin = row.is_sponsor, row.is_admin
    unknown = source.by_claim and claims.roles is None
    if source.by_claim and claims.roles is not None:
        sponsor, admin = source.roles_of(claims.roles)
    changed = (sponsor, admin) != (row.is_sponsor, row.is_admin)
    outcome, reason = Outcome.ROLES_CHANGED if changed else Outcome.SIGNED_IN, None
    if not sponsor and not admin:
        if bind:
            # Nobody has shown yet to be the one who was invited: their roles stay as they are.
            return _refused(Reason.NO_ROLE)
        outcome, reason = Outcome.REFUSED, Reason.NO_ROLE
    return StaffDecision(
        outcome,
        reason,
        staff_id=row.id,
        bind=bind,
        is_sponsor=sponsor,
        is_admin=admin,
        roles_unknown=unknown,
        newly_unknown=unknown and not row.roles_unknown,
    )


def link_fault(used_at: datetime | None, expires_at: datetime, at: datetime) -> str | None:
    """Return why a single-use link no longer opens, for its holder; ``None``: it does."""
    if used_at is not None:
        return "This link has been used already. Ask whoever gave it to you for a new one."
    if at >= expires_at:
        return "This link has expired. Ask whoever gave it to you for a new one."
    return None


def role_words(is_sponsor: bool, is_admin: bool) -> str:  # noqa: FBT001 - two columns, as in the table
    """Return what somebody is here, to be said in a sentence."""
    held = [words for words, has in (("a sponsor", is_sponsor), ("an admin", is_admin)) if has]
    return " and ".join(held) or "nothing any more"
