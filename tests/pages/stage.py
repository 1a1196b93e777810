"""Acme's people before its sponsor, for the tests of the sponsor's pages."""

import re
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from uuid import UUID

from flask import Flask

from portal.foundation import clock
from portal.sponsorship.changes import deciding
from portal.sponsorship.rules import local_day
from tests.infra.client import PortalClient
from tests.pages.inside import Inside
from tests.pages.sessions import as_staff
from tests.scene import Partner

DECISIONS = "/sponsor/decisions"
GETS = ["", "/guests", "/past", "/removed", "/decisions/{request}", "/guests/{jane}"]
POSTS = [
    "/decisions/{request}/approve",
    "/decisions/{request}/reject",
    "/decisions/{request}/hand-over",
    "/decisions/{request}/keep",
    "/decisions/{request}/last-day",
    "/decisions/{request}/may-use",
    "/decisions/{request}/end",
    "/guests/{jane}/suspend",
    "/guests/{jane}/resume",
    "/guests/{jane}/vouch",
    "/guests/{jane}/let-back",
]
FORM = {
    "approve-last_day": "2030-01-01",
    "reject-reason": "x",
    "end-reason": "x",
    "suspend-reason": "x",
    "vouch-last_day": "2030-01-01",
    "extend-last_day": "2030-01-01",
}


@dataclass
class Stage:
    """Acme with a sponsor who is signed in, a deputy, and Jane who asks for access."""

    app: Flask
    client: PortalClient
    scene: Inside
    acme: Partner
    ben: UUID
    wiki: UUID
    jane: UUID

    @property
    def request(self) -> UUID:
        return self.scene.sponsorship(self.jane).id

    @property
    def page(self) -> str:
        return f"{DECISIONS}/{self.request}"

    def another(self, staff_id: UUID) -> PortalClient:
        """Another browser, of another employee."""
        client = self.app.test_client()
        assert isinstance(client, PortalClient)
        as_staff(self.app, client, staff_id)
        return client

    def approve(self, guest_id: UUID, staff_id: UUID, days: int = 90) -> None:
        row = self.scene.sponsorship(guest_id)
        last_day = self.scene.day(days)
        done = self.scene.run(
            deciding.approve, row.id, staff_id, last_day, [self.wiki], by=staff_id
        )
        assert done is None


# The form of a new organisation, filled in.
NEW = {
    "name": "Globex",
    "slug": "globex",
    "domain": "globex.example",
    "reference": "G-1",
    "first_day": "2026-01-01",
    "last_day": "2027-12-31",
    "time_zone": "Europe/Berlin",
    "sponsor": "sam@host.example",
    "approval": "at-once",
}


def today_in(days: int) -> str:
    """A day counted from today where contracts are: there it may be tomorrow already."""
    return (local_day(clock.policy_now(), "Europe/Berlin") + timedelta(days=days)).isoformat()


def paths(stage: Stage, patterns: list[str]) -> list[str]:
    return [f"/sponsor{one.format(request=stage.request, jane=stage.jane)}" for one in patterns]


def token_of(client: PortalClient, page: str) -> str:
    return hidden(client, page, "csrf_token")


def hidden(client: PortalClient, page: str, name: str) -> str:
    text = client.get(page).text
    _, found, after = text.partition(f'name="{name}"')
    assert found, f"{page} has no {name}"
    return after.partition('value="')[2].partition('"')[0]


def said(client: PortalClient, page: str) -> str:
    """Return what a page says, without its marks."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", client.get(page).text)).split())
