"""Whom to sign in as, and where: what the demo prints and writes to demo.json."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from demo.layout import Layout
from demo.people import EMPLOYEES, PASSWORD, PEOPLE, Person

_ROLES: Final = {"admin": "admin", "sponsor": "sponsor", "none": "employee"}
_NOTES: Final = {
    "admin": "configures trust",
    "sponsor": "decides about guests",
    "none": "has no role in the portal",
}
# One of each story is worth signing in as; the words say what will be seen.
_WORTH: Final = (
    ("acme", "new", "first sign-in: waits for a sponsor"),
    ("acme", "active", "has access"),
    ("acme", "pending", "waits for a sponsor"),
    ("acme", "on_hold", "suspended by an admin"),
    ("acme", "rejected", "was rejected"),
    ("globex", "new", "first sign-in: restricted access at once"),
    ("globex", "at_once", "restricted access, waits for a sponsor"),
    ("globex", "inactive", "suspended for inactivity"),
    ("initech", "new", "Initech's contract has ended"),
)


def people_to_be(layout: Layout) -> list[dict[str, str | None]]:
    """Return everybody who can sign in; the password is null where none is asked."""
    return _employees(layout) + [_guest(layout, person) for person in PEOPLE]


def _employees(layout: Layout) -> list[dict[str, str | None]]:
    return [
        {
            "role": _ROLES[employee.role],
            "name": employee.name,
            "email": employee.email,
            "username": employee.subject,
            "password": None,
            "sign_in_url": f"{layout.portal_url}/staff/sign-in",
            "note": _NOTES[employee.role],
        }
        for employee in EMPLOYEES
    ]


def _guest(layout: Layout, person: Person) -> dict[str, str | None]:
    by_password = person.organisation == "acme"
    words = {(organisation, story): note for organisation, story, note in _WORTH}
    story = person.story.replace("_", " ")
    return {
        "role": "guest",
        "name": person.name,
        "email": person.email,
        "username": person.username if by_password else person.subject(),
        "password": PASSWORD if by_password else None,
        "sign_in_url": f"{layout.portal_url}/sign-in/{person.organisation}",
        "note": words.get((person.organisation, person.story), story),
    }


def guide(layout: Layout) -> str:
    """Return what the demo prints once everything answers."""
    guests = [
        _guest(
            layout,
            next(one for one in PEOPLE if (one.organisation, one.story) == (organisation, story)),
        )
        for organisation, story, _ in _WORTH
    ]
    return f"""
The portal:  {layout.portal_url}
Mail:        {layout.url("mail")}

Employees of Northwind sign in at {layout.portal_url}/staff/sign-in
(choose who you are, there is no password):
{_table(_employees(layout))}

Guests sign in at {layout.portal_url}/sign-in with their work e-mail.
Acme asks for a login and a password; at Globex and Initech choose who you are:
{_table(guests)}

At the shell: PORTAL_SETTINGS_FILE={layout.settings_file} {_portal()} guest list
Everybody, as JSON: {layout.directory / "demo.json"}
Ctrl-C ends all of it.
"""


def _portal() -> Path:
    """Return the command of this environment, as somebody in this folder would type it."""
    command = Path(sys.executable).with_name("portal")
    here = Path.cwd()
    return command.relative_to(here) if command.is_relative_to(here) else command


def _table(people: Sequence[dict[str, str | None]]) -> str:
    lines = []
    for one in people:
        role = "" if one["role"] == "guest" else f"{one['role']}, "
        lines.append(f"  {one['name']:<18} {one['email']:<34} {role}{one['note']}")
        if one["password"]:
            lines.append(f"  {'':<18} login {one['username']}, password {one['password']}")
    return "\n".join(lines)
