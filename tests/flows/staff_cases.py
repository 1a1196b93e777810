"""Every way in which an employee is refused at the host's own provider."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update

from portal.foundation import clock
from portal.staff import changes
from portal.staff.models import Staff, StaffLink
from tests.factories import PUBLIC_URL
from tests.hostile.provider import HostileProvider
from tests.infra.client import PortalClient
from tests.pages.inside import Inside

DAY: Final = timedelta(days=1)
ROLES: Final = {"host_oidc_role_claim": "roles", "host_oidc_sponsor_value": "sponsors"}


def bind(scene: Inside, staff_id: UUID, own: HostileProvider) -> None:
    """Let the employee be who signs in at the host's provider."""

    def change(tx) -> None:
        person = {"issuer": own.issuer, "subject": str(own.person["sub"])}
        tx.session.execute(update(Staff).where(Staff.id == staff_id).values(person))

    scene.run(change, by=staff_id)


def link_of_ben(scene: Inside, own: HostileProvider) -> str:
    """Put Ben in beforehand; return the path of the link that binds him."""

    def change(tx):
        by_hand = {"host_issuer": own.issuer, "public_url": PUBLIC_URL, "at": clock.protocol_now()}
        changes.add_staff(tx, email="ben@host.example", name="Ben", role="admin", **by_hand)
        link = tx.session.scalars(select(StaffLink).where(StaffLink.used_at.is_(None))).one()
        return changes.make_link(tx, link.staff_id, "bind", at=clock.protocol_now(), life=DAY)

    path: str = scene.run(change, by=scene.staff("grace")).url("")
    return path


def _nothing(*_: object) -> None:
    pass


def _put_in_beforehand(scene: Inside, _own: object, _browser: object) -> None:
    scene.staff("ada")


def _left(scene: Inside, own: HostileProvider, _browser: object) -> None:
    ada, ben = scene.staff("ada"), scene.staff("ben", role="admin")
    bind(scene, ada, own)
    scene.run(changes.remove, ada, by=ben)


def _with_a_colleagues_link(scene: Inside, own: HostileProvider, browser: PortalClient) -> None:
    bind(scene, scene.staff("ada"), own)
    assert browser.submit(link_of_ben(scene, own)).status_code == 200


@dataclass(frozen=True)
class Case:
    """Who comes to which house, and the code that must come of it.

    Attributes:
        house: settings beside the host's provider.
        person: claims beside those of Ada, an employee.
        before: what happened before the browser leaves.
    """

    code: str
    house: Mapping[str, Any] = field(default_factory=dict)
    person: Mapping[str, Any] = field(default_factory=dict)
    before: Callable[[Inside, HostileProvider, PortalClient], object] = _nothing


CASES: Final = {
    "a guest of the directory": Case("oidc.tenant", person={"acct": 1}),
    "too weak": Case("oidc.assurance", {"host_oidc_accepted_amr": ("mfa",)}),
    "unknown": Case("staff.unknown"),
    "without an address": Case("staff.no_address", person={"email": None}),
    "not bound yet": Case("staff.not_bound", before=_put_in_beforehand),
    "left": Case("staff.left", before=_left),
    "another's link": Case("staff.link", before=_with_a_colleagues_link),
    "role unknown": Case("staff.role_unknown", ROLES),
    "no role": Case("staff.no_role", ROLES, {"roles": ["visitors"]}),
}
