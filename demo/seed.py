"""Make the data set: ``python -m demo.seed DIRECTORY``, once, while the providers answer.

What an admin would do is done by the ``portal`` command line; what people did over the last year is
told by their stories, day by day, with sweeps in between.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from demo.layout import Layout, read_layout
from demo.parts import CLIENT_ID
from demo.people import (
    EMPLOYEES,
    IRENE,
    JONAS,
    MARIA,
    PEOPLE,
    PETRA,
    TOMASZ,
    Employee,
    Person,
    people_of,
)
from demo.stage import Stage
from portal.commands._shared import portal_context
from portal.commands.database import upgrade_database
from portal.foundation.settings import load_settings

Step = tuple[datetime, Callable[[], object]]

FIRST_DAY: Final = 400  # days ago
INITECH_ENDED: Final = 6
# Sponsors answer a review five days before it is due.
REVIEW_EVERY: Final = 85
SIGN_IN_EVERY: Final = 40
_APPLICATIONS: Final = (
    ("files", "File exchange", "use", "Exchange files"),
    ("wiki", "Engineering wiki", "read", "Read"),
    ("wiki", "Engineering wiki", "write", "Write"),
    ("tracker", "Project tracker", "member", "Take part in projects"),
    ("invoices", "Invoice desk", "view", "See invoices"),
    ("invoices", "Invoice desk", "approve", "Approve invoices"),
    ("archive", "Audit archive", "read", "Read closed years"),
)


def open_the_house(stage: Stage, layout: Layout) -> None:
    """Put in employees, applications, three organisations and their providers, a year ago."""
    stage.at(stage.began - timedelta(days=FIRST_DAY))
    stage.opens()
    for employee in EMPLOYEES:
        if employee.role != "none":
            stage.portal(
                *("staff", "add", employee.email, "--name", employee.name),
                *("--role", employee.role, "--subject", employee.subject),
            )
            stage.staff_signs_in(employee)
    seen: set[str] = set()
    for application, name, entitlement, words in _APPLICATIONS:
        if application not in seen:
            url = f"https://{application}.northwind.example/"
            stage.portal("app", "add", application, "--name", name, "--url", url)
            seen.add(application)
        stage.portal("entitlement", "add", application, entitlement, "--name", words)
    _acme(stage, layout)
    _globex(stage, layout)
    _initech(stage, layout)


def _acme(stage: Stage, layout: Layout) -> None:
    stage.portal(
        *("org", "add", "acme", "--name", "Acme", "--domain", "acme.example"),
        *("--contract-reference", "ACM-2026-014", "--time-zone", "Europe/Berlin"),
        *("--contract-start", _day(stage, -FIRST_DAY), "--contract-end", _day(stage, 240)),
        *("--sponsor", JONAS.email, "--sponsor", MARIA.email, "--deputy", TOMASZ.email),
    )
    scopes = [word for scope in ("profile", "email", "groups") for word in ("--scope", scope)]
    # Canaille sends no email_verified: Northwind trusts Acme's addresses within Acme's domain.
    _provider(stage, layout, "acme", "Acme sign-in", *scopes, "--addresses", "trusted")
    stage.portal("entitlement", "offer", "acme", "files/use", "--default")
    stage.portal("entitlement", "offer", "acme", "wiki/read", "--default")
    stage.portal("entitlement", "offer", "acme", "wiki/write")
    stage.portal("entitlement", "offer", "acme", "tracker/member", "--when", "groups=engineering")
    stage.portal(
        *("contract", "add", "acme", "--reference", "ACM-2027-002"),
        *("--time-zone", "Europe/Berlin", "--open-ended", "--start", _day(stage, 241)),
    )


def _globex(stage: Stage, layout: Layout) -> None:
    stage.portal(
        *("org", "add", "globex", "--name", "Globex", "--domain", "globex.example"),
        *("--contract-reference", "GLX-77", "--time-zone", "America/New_York"),
        *("--contract-start", _day(stage, -FIRST_DAY), "--open-ended"),
        *("--sponsor", IRENE.email, "--deputy", TOMASZ.email),
        *("--approval", "at-once", "--approval-days", 7, "--max-guests", 40),
    )
    _provider(stage, layout, "globex", "Globex sign-in")
    stage.portal("entitlement", "offer", "globex", "files/use", "--default")
    stage.portal("entitlement", "offer", "globex", "invoices/view", "--when", "department=Finance")
    stage.portal("entitlement", "offer", "globex", "invoices/approve")
    stage.portal("entitlement", "offer", "globex", "archive/read", "--when", "department=Audit")


def _initech(stage: Stage, layout: Layout) -> None:
    stage.portal(
        *("org", "add", "initech", "--name", "Initech", "--domain", "initech.example"),
        *("--contract-reference", "INI-2025-3", "--time-zone", "Europe/London"),
        *("--contract-start", _day(stage, -365)),
        *("--contract-end", _day(stage, -INITECH_ENDED)),
        *("--sponsor", MARIA.email, "--longest-days", 180),
    )
    _provider(stage, layout, "initech", "Initech sign-in")
    stage.portal("entitlement", "offer", "initech", "files/use", "--default")


def _provider(stage: Stage, layout: Layout, slug: str, name: str, *more: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".secret") as secret:
        secret.write(layout.secrets[slug])
        secret.flush()
        stage.portal(
            *("idp", "add-oidc", slug, "main", "--name", name, "--issuer", layout.url(slug)),
            *("--client-id", CLIENT_ID, "--client-secret-file", secret.name, *more),
        )
    stage.portal("idp", "test", slug, "main")
    stage.portal("idp", "enable", slug, "main")


def _day(stage: Stage, days: int) -> str:
    return (stage.began + timedelta(days=days)).date().isoformat()


class Stories:
    """What happened to each person, as steps with the moment of each."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.midnight = stage.began.replace(hour=0, minute=0, second=0, microsecond=0)

    def moment(self, person: Person, days: float) -> datetime:
        """Return a moment in working hours so many days ago, another one for each person."""
        minutes = 7 * 60 + PEOPLE.index(person) * 11 % 480
        moment = self.midnight - timedelta(days=days) + timedelta(minutes=minutes)
        return min(moment, self.stage.began - timedelta(hours=1))

    def all_steps(self) -> list[Step]:
        """Return every step of everybody, earliest first."""
        steps = [step for person in PEOPLE for step in self.steps(person)]
        steps += self.strangers()
        return sorted(steps, key=lambda step: step[0])

    def steps(self, person: Person) -> Iterator[Step]:
        """Return the steps of one person's story."""
        if person.story == "new":
            return
        stage, begun = self.stage, person.begun
        why = _WHY.get(person.name)
        yield (
            self.moment(person, begun),
            partial(stage.signs_in, person, why=why, works_with=_WITH.get(person.name)),
        )
        if person.story in {"pending", "pending_late", "lapsed", "at_once", "not_approved"}:
            return
        if person.story == "rejected":
            step = partial(stage.rejects, person, _REJECTED[person.name])
            yield self.moment(person, begun - 1), step
            if person.name == "Felix Baumann":
                yield self.moment(person, 2), partial(stage.signs_in, person)
            return
        yield self.moment(person, begun - 1), partial(self.approve, person)
        last = _LAST_SIGN_IN.get(person.story, PEOPLE.index(person) % 6 + 1)
        for days in range(begun - 2, last, -SIGN_IN_EVERY):
            yield self.moment(person, days), partial(stage.signs_in, person)
        yield self.moment(person, last), partial(stage.signs_in, person)
        if person.story not in {"review_open", "review_missed"}:
            until = {"inactive": 15, "expired": 13, "removed_by_time": 50, "inactive_removed": 80}
            stop = until.get(person.story, INITECH_ENDED if person.organisation == "initech" else 0)
            for days in range(begun - 1 - REVIEW_EVERY, stop, -REVIEW_EVERY):
                yield self.moment(person, days), partial(stage.keeps, person)
        yield from self.turn(person)

    def approve(self, person: Person) -> None:
        """Approve with a last day that fits what comes later."""
        asked = person.begun - 1
        if person.organisation == "initech":
            days = asked - INITECH_ENDED
        else:
            days = {
                "ends_soon": asked + 6,
                "expired": asked - 13,
                "removed_by_time": asked - 51,
                "extended": asked - 40,
            }.get(person.story, min(330, asked + 40 + PEOPLE.index(person) * 17 % 140))
        self.stage.approves(person, days, *_MORE.get(person.name, ()), by=_BY.get(person.name))

    def turn(self, person: Person) -> Iterator[Step]:
        """Return what an employee did later."""
        stage = self.stage
        match person.story:
            case "extended":
                yield self.moment(person, 62), partial(stage.extends, person, 260)
            case "handed_over":
                yield self.moment(person, 12), partial(stage.hands_over, person, TOMASZ)
            case "on_hold":
                reason = "Laptop reported stolen, waits for Acme's word"
                if person.organisation == "globex":
                    reason = "Project stands still until the new year"
                yield self.moment(person, 3), partial(stage.holds, person, reason, PETRA)
            case "ended_by_sponsor":
                reason = "The year-end audit is done, thank you"
                yield self.moment(person, 20), partial(stage.ends, person, reason)

    def strangers(self) -> Iterator[Step]:
        """Return sign-ins that the door refused."""
        lena, zoe = people_of("acme")[-2], people_of("globex")[-1]
        freelance = "lena@freelance-hartmann.example"
        yield (
            self.moment(lena, 9),
            partial(self.stage.signs_in, lena, email=freelance),
        )
        yield (
            self.moment(zoe, 4),
            partial(self.stage.signs_in, zoe, email="petra.vogel@northwind.example"),
        )
        nina = people_of("initech")[-1]
        yield self.moment(nina, 3), partial(self.stage.signs_in, nina)


_LAST_SIGN_IN: Final = {
    "expired": 16,
    "inactive": 75,
    "removed_by_time": 55,
    "on_hold": 4,
    "ended_by_sponsor": 21,
    "contract_ended": 8,
    "inactive_removed": 140,
    "extended": 2,
}
_WHY: Final = {
    "Jakob Lang": "I take over the test bench from Pavel Novak.",
    "Elif Kaya": "We begin with the second assembly line in January.",
    "Oskar Brandl": "I plan the deliveries to your warehouse in Kiel.",
    "Amara Diallo": "Monthly closing, together with Li Wang.",
    "Victor Hugo Reyes": "Audit of the third quarter.",
    "Anna Weber": "I lead the joint line project.",
}
_WITH: Final = {
    "Jakob Lang": "Jonas in production planning",
    "Elif Kaya": "the line team",
    "Amara Diallo": "accounts payable",
}
_REJECTED: Final = {
    "Felix Baumann": "Not part of the project: please ask your lead at Acme first",
    "Eve Sanders": "Nobody in accounting knows of this work",
    "Drew Lawson": "The print job is finished",
}
_MORE: Final = {
    "Anna Weber": ("wiki/write",),
    "Emre Yildiz": ("wiki/write",),
    "Hannah Schulz": ("wiki/write",),
    "Li Wang": ("invoices/approve",),
}
_BY: Final[dict[str, Employee]] = {
    "Clara Neumann": TOMASZ,
    "Samuel Ortiz": TOMASZ,
    "Hannah Schulz": MARIA,
    "Sofia Rossi": MARIA,
    "Nora Keller": MARIA,
}


def tell(stage: Stage, steps: list[Step]) -> None:
    """Do the steps in order, with a sweep every other night of the last month, weekly before."""
    night = stage.began - timedelta(days=FIRST_DAY - 1)
    for when, step in steps:
        while night < when:
            stage.at(night)
            stage.sweep()
            recent = night > stage.began - timedelta(days=35)
            night += timedelta(days=2 if recent else 8)
        stage.at(when)
        step()
    stage.today()
    stage.sweep()


def main(directory: Path) -> None:
    """Make the data set in an empty database."""
    settings = load_settings()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    upgrade_database(settings.database)
    with portal_context(settings):
        stage = Stage()
        open_the_house(stage, read_layout(directory))
        tell(stage, Stories(stage).all_steps())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
