"""One database in which the decisions are taken; two of them live side by side."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

from flask import Flask
from sqlalchemy import select

from portal.access.rules import AccessDecision
from portal.admission.changes import SignedIn, TurnedAway
from portal.foundation.current import house
from portal.foundation.db import db, init_database
from portal.foundation.settings import Settings
from portal.guests.models import FederatedIdentity
from portal.lifecycle import changes as lifecycle
from portal.lifecycle import jobs
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.changes.bounds import NotYours
from portal.sponsorship.changes.deciding import Lost
from portal.sponsorship.changes.requesting import vouch
from portal.sponsorship.queries import SponsorshipRow
from portal.staff.changes import remove as let_go
from portal.trust.rules import Refused
from tests.replay import folded, kept
from tests.scene import BEGIN, Partner, Scene

STAFF = ("ada", "ben", "cem", "dee")
POLICY: Mapping[str, Any] = {
    "approval": "first",
    "approval_days": 7,
    "longest_days": 120,
    "review_days": 40,
    "grace_days": 10,
    "inactivity_days": 35,
    "most_guests": 3,
    "most_new_per_hour": 1000,
    "address_days": 14,
}
LAST_DAY = BEGIN.date() + timedelta(days=90)


class CutOff(BaseException):
    """The machine went down in the middle of a sweep."""


@dataclass
class Names:
    """What the decisions call things by, and their ids here."""

    staff: dict[str, UUID]
    partners: dict[str, Partner]
    contracts: dict[tuple[str, str], UUID]
    offers: dict[tuple[str, str], UUID]

    def copy(self) -> "Names":
        return Names(dict(self.staff), dict(self.partners), dict(self.contracts), dict(self.offers))


class World:
    """A database file, its application, and the decisions by name."""

    def __init__(self, settings: Settings, file: Path) -> None:
        self.file = file
        self._app = Flask("portal")
        house(self._app)["settings"] = settings
        init_database(self._app, f"sqlite:///{file}")
        self.scene = Scene()
        self.names = Names({}, {}, {}, {})

    def begin(self, template: Path, names: Names) -> None:
        """Start a new life: the file is a copy of *template*; the engine keeps what it compiled."""
        with self._app.app_context():
            db.engine.dispose()
        for leftover in self.file.parent.glob(f"{self.file.name}*"):
            leftover.unlink()
        shutil.copyfile(template, self.file)
        self.scene = Scene()
        self.names = names.copy()

    @contextmanager
    def here(self) -> Iterator[Scene]:
        """Work in this database."""
        with self._app.app_context():
            yield self.scene

    def close(self) -> None:
        """Give the connections back."""
        with self._app.app_context():
            db.engine.dispose()

    # -- the first scene --------------------------------------------------------------------------

    def build(self) -> Names:
        """Two partners who share employees, and something to give."""
        with self.here() as scene:
            scene.staff("root", role="admin")
            staff = {name: scene.staff(name) for name in STAFF}
            names = Names(staff, {}, {}, {})
            ada, ben, cem, dee = staff.values()
            sponsors = {"acme": (ada, ben), "zeta": (ben, cem)}
            for slug, named in sponsors.items():
                partner = scene.partner(
                    slug, last_day=LAST_DAY, sponsors=named, deputy=dee, **POLICY
                )
                names.partners[slug] = partner
                names.contracts[slug, "C-1"] = partner.contract_id
                names.offers[slug, "wiki"] = scene.offer(partner, default=True)
                names.offers[slug, "books"] = scene.offer(partner, when=("department", "Finance"))
                names.offers[slug, "files"] = scene.offer(partner)
            db.session.rollback()
            with db.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return names

    # -- time -------------------------------------------------------------------------------------

    def sweep(self, *, batch: int = jobs.BATCH, cut_after: int | None = None) -> None:
        """Sweep; *cut_after* so many steps the machine goes down within the next one."""
        left = [cut_after]

        def mortal(step: Callable[..., Any]) -> Callable[..., Any]:
            def run(*arguments: Any) -> Any:
                result = step(*arguments)
                if left[0] is not None:
                    left[0] -= 1
                    if left[0] < 0:
                        raise CutOff
                return result

            return run

        steps = {name: mortal(getattr(jobs, name)) for name in ("settle", "ask")}
        steps["conclude_contract"] = mortal(jobs.conclude_contract)
        with self.here() as scene, patch.multiple(jobs, **steps):
            try:
                report = jobs.run(scene.now, batch)
                assert report.failed == []
            except CutOff:
                pass

    # -- decisions --------------------------------------------------------------------------------

    def sign_in(self, slug: str, subject: str, email: str, claims: frozenset[str]) -> str:
        with self.here() as scene:
            partner = self.names.partners[slug]
            said = {"sub": subject, "department": sorted(claims)}
            result = scene.sign_in(
                partner, scene.identity(partner, subject, email=email, claims=said)
            )
            if isinstance(result, TurnedAway):
                return f"turned away {' '.join(sorted(result.decision.reasons))}"
            assert isinstance(result, SignedIn)
            return "signed in"

    def word(self, slug: str, subject: str, age: int) -> SponsorshipRow:
        """A person's sponsorship: 0 is the newest."""
        return self.scene.sponsorships(self.guest(slug, subject))[age]

    def guest(self, slug: str, subject: str) -> UUID:
        found = self.scene.find(self.names.partners[slug], subject)
        assert found is not None
        return found.id

    def decide(self, verb: str, slug: str, subject: str, age: int, sponsor: str, *rest: Any) -> str:
        """Let a sponsor decide on a sponsorship."""
        staff_id = self.names.staff[sponsor]
        with self.here() as scene:
            key = self.word(slug, subject, age).id
            return outcome(
                scene, lambda tx: getattr(deciding, verb)(tx, key, staff_id, *rest), staff_id
            )

    def about(self, verb: str, slug: str, subject: str, *rest: Any, **more: Any) -> str:
        """Decide about a person."""
        with self.here() as scene:
            guest_id = self.guest(slug, subject)
            return outcome(scene, lambda tx: getattr(people, verb)(tx, guest_id, *rest, **more))

    def let_back(self, slug: str, subject: str, sponsor: str) -> str:
        return self.about("let_back", slug, subject, self.names.staff[sponsor])

    def vouch(
        self, slug: str, subject: str, sponsor: str, day: date, offers: Sequence[UUID]
    ) -> str:
        staff_id = self.names.staff[sponsor]
        with self.here() as scene:
            guest_id = self.guest(slug, subject)
            return outcome(scene, lambda tx: vouch(tx, guest_id, staff_id, day, offers))

    def offers(self, slug: str, names: set[str]) -> list[UUID]:
        return [self.names.offers[slug, name] for name in sorted(names)]

    # -- trust ------------------------------------------------------------------------------------

    def add_contract(
        self, slug: str, reference: str, first_day: date, last_day: date | None
    ) -> None:
        with self.here() as scene:
            self.names.contracts[slug, reference] = scene.contract(
                self.names.partners[slug],
                reference,
                first_day=first_day,
                last_day=last_day,
                open_ended=last_day is None,
            )

    def move_contract(self, slug: str, reference: str, last_day: date | None) -> str:
        key = self.names.contracts[slug, reference]
        with self.here() as scene:
            return outcome(
                scene,
                lambda tx: lifecycle.change_contract(
                    tx, key, last_day=last_day, open_ended=last_day is None
                ),
            )

    def trust(self, verb: str, slug: str, *rest: Any) -> None:
        """Carry a change of an organisation through to its people."""
        with self.here() as scene, scene.tx() as tx:
            getattr(lifecycle, verb)(tx, self.names.partners[slug].id, *rest)

    def policy(self, slug: str, values: Mapping[str, Any]) -> None:
        with self.here() as scene:
            scene.policy(self.names.partners[slug], **values)

    def hire(self, name: str) -> None:
        with self.here() as scene:
            self.names.staff[name] = scene.staff(name)

    def leave(self, name: str) -> str:
        staff_id = self.names.staff[name]

        def go(tx: Any) -> None:
            let_go(tx, staff_id)
            lifecycle.hand_over_all(tx, staff_id)

        with self.here() as scene:
            return outcome(scene, go)

    def name_sponsors(self, slug: str, sponsors: Sequence[str], deputy: str | None) -> None:
        with self.here() as scene, scene.tx() as tx:
            lifecycle.name_sponsors(
                tx,
                self.names.partners[slug].id,
                sponsors=[self.names.staff[name] for name in sponsors],
                deputy=self.names.staff[deputy] if deputy else None,
            )

    def offer(self, slug: str, name: str, *, default: bool, claim: str | None) -> None:
        with self.here() as scene:
            when = ("department", claim) if claim else None
            key = scene.offer(self.names.partners[slug], default=default, when=when)
            self.names.offers[slug, name] = key

    def withdraw(self, slug: str, name: str) -> None:
        with self.here() as scene, scene.tx() as tx:
            lifecycle.withdraw_offer(tx, self.names.offers[slug, name])

    # -- what there is ----------------------------------------------------------------------------

    def access(self) -> dict[tuple[str, str], AccessDecision]:
        """What each person may do now."""
        with self.here() as scene:
            return {
                (slug, subject): scene.access(guest_id)
                for slug, subject, guest_id in self._people()
            }

    def _people(self) -> list[tuple[str, str, UUID]]:
        slugs = {partner.id: slug for slug, partner in self.names.partners.items()}
        query = select(
            FederatedIdentity.organisation_id,
            FederatedIdentity.subject,
            FederatedIdentity.guest_id,
        )
        rows = db.session.execute(query.order_by(FederatedIdentity.id))
        return [(slugs[organisation], subject, key) for organisation, subject, key in rows]

    def rows(self) -> dict[str, Any]:
        """Every row about people, under names instead of ids, without what counts its writes."""
        with self.here() as scene:
            names = self._names_of_ids()
            found: dict[str, Any] = {
                table: {names.get(key, key): _named(row, names) for key, row in rows.items()}
                for table, rows in kept(scene.session).items()
                if table in _COMPARED
            }
        found["grant"] = sorted(found["grant"].values(), key=str)
        return found

    def seats(self) -> dict[str, tuple[int, int]]:
        """The counters of each organisation."""
        with self.here() as scene:
            return {slug: scene.seats(partner) for slug, partner in self.names.partners.items()}

    def _names_of_ids(self) -> dict[str, str]:
        known: dict[UUID, str] = {
            key: "/".join((name,) if isinstance(name, str) else name)
            for part in (self.names.staff, self.names.contracts, self.names.offers)
            for name, key in part.items()
        }
        known |= {partner.id: slug for slug, partner in self.names.partners.items()}
        for slug, subject, guest_id in self._people():
            known[guest_id] = f"{slug}/{subject}"
            for age, row in enumerate(self.scene.sponsorships(guest_id)):
                known[row.id] = f"{slug}/{subject}/{age}"
        return {str(key): name for key, name in known.items()}

    def log(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The rows that the audit log tells of, and those that are there."""
        with self.here() as scene:
            return folded(scene.session), kept(scene.session)


# The rows of everything else bear ids that nobody has given a name to.
_COMPARED = frozenset({"guest", "sponsorship", "grant", "organisation", "contract"})
_NOT_COMPARED = frozenset({"version", "entitlement_id"})


def _named(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        column: names.get(value, value) if isinstance(value, str) else value
        for column, value in row.items()
        if column not in _NOT_COMPARED
    }


def outcome(scene: Scene, decision: Callable[[Any], Any], staff_id: UUID | None = None) -> str:
    """Take a decision and say in a word what came of it."""
    try:
        with scene.as_staff(staff_id) if staff_id else scene.tx() as tx:
            result = decision(tx)
    except NotYours:
        return "not yours"
    except Refused as refused:
        return f"refused {refused.field}"
    if isinstance(result, Lost):
        return "lost"
    return str(result) if isinstance(result, str) else "ok"
