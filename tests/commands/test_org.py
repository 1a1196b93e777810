"""`portal org`: stable words for scripts."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from portal.audit.models import AuditEvent
from portal.foundation import clock
from portal.foundation.db import db
from tests.commands.conftest import Shell, adding_acme
from tests.scene import Scene

# Commands translate; what they call is proved on both databases.
pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("defaults"),
]

Add = Callable[..., Any]

UNKNOWN_SPONSOR = (
    "--sponsor: No employee with the address new@host.example is known here. Put them in "
    "under Staff first, or let them sign in once. At the shell: portal staff add new@host.example "
    "--name NAME --role sponsor"
)


def test_an_organisation_is_added_whole(shell: Shell, add_acme: Add):
    """Domains with who vouched, contract, sponsors with their deputy, and its own policy."""
    shell("staff", "add", "dee@host.example", "--name", "Dee")
    made = add_acme(
        *("--domain", "Bücher.example", "--deputy", "dee@host.example", "--approval", "at-once"),
        *("--approval-days", "3", "--longest-days", "100", "--review-days", "30"),
        *("--grace-days", "0", "--inactivity-days", "20", "--max-guests", "5"),
        *("--max-new-per-hour", "2", "--accepted-acr", "gold", "--accepted-acr", "silver"),
        *("--accepted-amr", "mfa", "--unlisted"),
    )
    assert made == shell.json("org", "show", "acme")
    assert [one["name"] for one in made["domains"]] == ["acme.example", "xn--bcher-kva.example"]
    assert all(one["vouched_by"].startswith("shell:") for one in made["domains"])
    assert made["policy"] == {
        "approval": "at-once",
        "approval_days": 3,
        "longest_days": 100,
        "review_days": 30,
        "grace_days": 0,
        "inactivity_days": 20,
        "most_guests": 5,
        "most_new_per_hour": 2,
        "address_days": 14,
        "accepted_acr": ["gold", "silver"],
        "accepted_amr": ["mfa"],
    }
    assert "address_days" not in made["policy_own"]
    assert len(made["policy_own"]) == 10
    assert [(one["email"], one["role"], one["eligible"]) for one in made["sponsors"]] == [
        ("sam@host.example", "sponsor", True),
        ("dee@host.example", "deputy", True),
    ]
    (contract,) = made["contracts"]
    assert (contract["reference"], contract["start"], contract["end"]) == (
        "C-1",
        "2026-01-01",
        "2099-12-31",
    )
    assert contract["ends_at"] == "2099-12-31T23:00:00Z"
    assert contract["running"] is True
    assert (made["unlisted"], made["state"]) == (True, "active")
    assert made["identity_providers"] == made["offers"] == []


def test_what_is_not_said_is_the_default(add_acme: Add):
    """And the page says so."""
    made = add_acme("--open-ended", without=["--contract-end"])
    assert made["policy"]["approval"] == "first"
    assert made["policy_own"] == []
    assert made["contracts"][0]["open_ended"] is True
    assert made["contracts"][0]["end"] is None


@pytest.mark.parametrize(
    ("more", "without", "line"),
    [
        (
            ["--sponsor", "new@host.example"],
            [],
            UNKNOWN_SPONSOR,
        ),
        (
            ["--contract-end", "2025-12-31"],
            ["--contract-end"],
            "--contract-end: The contract would end before it starts: choose 1 January 2026",
        ),
        (
            ["--time-zone", "Mars/Olympus"],
            ["--time-zone"],
            "--time-zone: There is no time zone 'Mars/Olympus'. ",
        ),
        (["--domain", "host.example"], [], "--domain: host.example is the host's own domain: "),
        (["--domain", "acme"], [], "--domain: Enter a domain name, like example.com; 'acme'"),
        (["--max-guests", "-1"], [], "--max-guests: Enter a number from 0 to 10000000"),
        (["--grace-days", "366"], [], "--grace-days: Enter a number from 0 to 365"),
        (["--accepted-acr", "a b"], [], "--accepted-acr: Enter values without spaces"),
        (["--deputy", "sam@host.example"], [], "--deputy: Choose a deputy who is not one of"),
        (["--lead", "dee@host.example"], [], "--lead: No employee"),
    ],
)
def test_bad_input_is_one_line_and_an_unchanged_database(
    shell: Shell, more: list[str], without: list[str], line: str
):
    """It names the option and says what to do (issue, section 9)."""
    shell("staff", "add", "sam@host.example", "--name", "Sam")
    before = db.session.scalar(select(func.count()).select_from(AuditEvent))
    said = shell.refused(*adding_acme(without), *more)
    assert said.startswith(line)
    assert shell.json("org", "list") == []
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(AuditEvent)) == before


def test_a_taken_slug_and_a_held_domain_are_named(shell: Shell, add_acme: Add):
    """By whom it is held."""
    add_acme()
    words = ["--name", "B", "--contract-reference", "C", "--contract-start", "2026-01-01",
             "--open-ended", "--time-zone", "UTC", "--sponsor", "sam@host.example"]  # fmt: skip
    taken = shell.refused("org", "add", "acme", "--domain", "b.example", *words)
    assert taken == "SLUG: There is an organisation acme already: choose another short name"
    held = shell.refused("org", "add", "beta", "--domain", "ACME.example", *words)
    assert held == "--domain: acme.example is already held by Acme"


CONTRACT = ["--reference", "C-1", "--start", "2026-01-01", "--time-zone", "UTC"]
WHOLE = ["--name", "A", "--domain", "a.example", "--contract-reference", "C-1",
         "--contract-start", "2026-01-01", "--time-zone", "UTC",
         "--sponsor", "sam@host.example"]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["org", "add", "acme"], "Missing option '--name'. See: portal org add --help"),
        (["org", "set", "acme", "--approval-days", "x"], "'x' is no number: write one, or default"),
        (["org", "set", "acme", "--approval", "never"], "'never' is not one of"),
        (["org", "end", "acme", "--on", "soon"], "'soon' is no day: write it like 2027-03-01"),
        (["org", "nonsense"], "No such command 'nonsense'"),
        (["contract", "set", "acme", "C-1"], "Give --end DATE or --open-ended"),
        (["contract", "add", "acme", *CONTRACT], "Give --end DATE or --open-ended"),
        (
            ["contract", "add", "acme", *CONTRACT, "--open-ended", "--end", "2099-12-31"],
            "Give one of --end and --open-ended",
        ),
        (["org", "add", "acme", *WHOLE], "Give --contract-end DATE or --open-ended"),
        (
            ["org", "add", "acme", *WHOLE, "--open-ended", "--contract-end", "2099-12-31"],
            "Give one of --contract-end and --open-ended",
        ),
    ],
)
def test_wrong_use_ends_with_2(shell: Shell, words: list[str], line: str):
    """In one line, with where to read more."""
    said = shell.refused(*words, code=2)
    assert line in said
    assert "See: portal" in said


def test_an_unknown_organisation(shell: Shell):
    """Refused, with where to look."""
    for command in (
        ["show"],
        ["resume"],
        ["end"],
        ["suspend", "--reason", "x"],
        ["set", "--name", "x"],
    ):
        said = shell.refused("org", command[0], "nope", *command[1:])
        assert said == "There is no organisation 'nope': portal org list shows which there are"


def test_a_day_that_has_passed_ends_it_now(shell: Shell, add_acme: Add):
    """And the sentence says so."""
    add_acme()
    assert shell("org", "end", "acme", "--on", "2026-01-02").startswith(
        "1 contract ends with Acme now"
    )
    assert shell("org", "end", "acme", "--on", "2026-01-02").startswith("0 contracts end")
    said = shell.refused("org", "end", "acme", "--on", "9999-12-31")
    assert said.startswith("--on: Enter a year")


class TestSet:
    """What is not said stays as it is."""

    def test_nothing_said_is_wrong_use(self, shell: Shell, add_acme: Add):
        """And says what could be; what is said of what stands already changes nothing."""
        made = add_acme("--max-guests", "5")
        before = db.session.scalar(select(func.count()).select_from(AuditEvent))
        assert shell.refused("org", "set", "acme", code=2).startswith("Say what to change, such as")
        assert shell.json("org", "set", "acme", "--max-guests", "5") == made
        same = "Nothing is changed: that is how Acme stands already.\n"
        assert shell("org", "set", "acme", "--name", "Acme", "--listed") == same
        db.session.rollback()
        assert db.session.scalar(select(func.count()).select_from(AuditEvent)) == before

    def test_policy_values_change_and_go_back(self, shell: Shell, add_acme: Add):
        """The word default; an empty strength demands none."""
        add_acme("--max-guests", "5", "--accepted-acr", "gold", "--approval", "at-once")
        made = shell.json(
            *("org", "set", "acme", "--max-guests", "default", "--review-days", "30"),
            *("--accepted-acr", "", "--approval", "default"),
        )
        assert made["policy"]["most_guests"] == 100
        assert made["policy"]["review_days"] == 30
        assert made["policy"]["accepted_acr"] == []
        assert made["policy"]["approval"] == "first"
        assert made["policy_own"] == ["review_days", "accepted_acr"]
        made = shell.json("org", "set", "acme", "--accepted-acr", "default")
        assert made["policy_own"] == ["review_days"]

    def test_name_and_door(self, shell: Shell, add_acme: Add):
        """Unlisted and listed again."""
        add_acme()
        made = shell.json("org", "set", "acme", "--name", "Acme Corp", "--unlisted")
        assert (made["name"], made["unlisted"]) == ("Acme Corp", True)
        made = shell.json("org", "set", "acme", "--listed")
        assert (made["name"], made["unlisted"]) == ("Acme Corp", False)

    def test_domains_and_sponsors_are_said_all(self, shell: Shell, add_acme: Add):
        """Others are taken away; who is not said about stays."""
        for name in ("dee", "max"):
            shell("staff", "add", f"{name}@host.example", "--name", name.title())
        add_acme("--deputy", "dee@host.example", "--lead", "sam@host.example")
        made = shell.json("org", "set", "acme", "--domain", "new.example")
        assert [one["name"] for one in made["domains"]] == ["new.example"]
        made = shell.json("org", "set", "acme", "--sponsor", "max@host.example")
        assert [(one["email"], one["role"], one["lead"]) for one in made["sponsors"]] == [
            ("max@host.example", "sponsor", False),
            ("dee@host.example", "deputy", False),
        ]
        made = shell.json("org", "set", "acme", "--lead", "max@host.example")
        assert made["sponsors"][0]["lead"] is True
        made = shell.json("org", "set", "acme", "--deputy", "sam@host.example")
        assert [(one["email"], one["lead"]) for one in made["sponsors"]] == [
            ("max@host.example", True),
            ("sam@host.example", False),
        ]
        made = shell.json("org", "set", "acme", "--deputy", "", "--lead", "")
        assert [(one["email"], one["lead"]) for one in made["sponsors"]] == [
            ("max@host.example", False)
        ]

    def test_the_only_contract_needs_no_name(self, shell: Shell, add_acme: Add):
        """Its end moves; its first day and zone do not."""
        add_acme()
        made = shell.json("org", "set", "acme", "--contract-end", "2098-12-31")
        assert made["contracts"][0]["end"] == "2098-12-31"
        made = shell.json("org", "set", "acme", "--open-ended", "--contract-start", "2026-01-01")
        assert made["contracts"][0]["open_ended"] is True
        said = shell.refused("org", "set", "acme", "--contract-start", "2026-01-02")
        assert said.startswith("--contract-start: It cannot change for contract C-1")
        said = shell.refused("org", "set", "acme", "--time-zone", "UTC")
        assert said.startswith("--time-zone: It cannot change for contract C-1")

    def test_a_contract_that_is_not_there_is_added(self, shell: Shell, add_acme: Add):
        """Side by side; then each has to be named."""
        add_acme()
        words = ["org", "set", "acme", "--contract-reference", "C-2"]
        assert "needs --contract-start" in shell.refused(*words, "--open-ended", code=2)
        start = ["--contract-start", "2026-02-01"]
        assert "needs --time-zone" in shell.refused(*words, *start, "--open-ended", code=2)
        made = shell.json(*words, *start, "--open-ended", "--time-zone", "UTC")
        assert [one["reference"] for one in made["contracts"]] == ["C-1", "C-2"]
        said = shell.refused("org", "set", "acme", "--contract-end", "2098-12-31", code=2)
        assert "Say which contract" in said


class TestSuspendAndEnd:
    """At once, and lifted again."""

    def test_suspend_and_resume(self, shell: Shell, add_acme: Add):
        """Once each."""
        add_acme()
        made = shell.json("org", "suspend", "acme", "--reason", "Sold")
        assert (made["state"], made["state_reason"]) == ("suspended", "Sold")
        said = shell.refused("org", "suspend", "acme", "--reason", "Sold")
        assert said == "Acme is suspended already"
        assert shell.json("org", "resume", "acme")["state"] == "active"
        assert shell.refused("org", "resume", "acme") == "Acme is not suspended"
        assert "is suspended" in shell("org", "suspend", "acme", "--reason", "Sold")
        assert "is active again" in shell("org", "resume", "acme")

    def test_end_now(self, shell: Shell, add_acme: Add):
        """No contract runs any more; a second time there is none to end."""
        add_acme()
        made = shell.json("org", "end", "acme")
        assert made["contracts_ended"] == 1
        assert made["contracts"][0]["running"] is False
        assert shell("org", "end", "acme") == "0 contracts end with Acme now.\n"

    def test_end_after_a_last_day(self, shell: Shell, add_acme: Add):
        """Where that is sooner."""
        add_acme()
        assert shell("org", "end", "acme", "--on", "2098-12-31") == (
            "1 contract ends with Acme on 2098-12-31.\n"
        )
        assert shell.json("org", "end", "acme", "--on", "2099-01-31")["contracts_ended"] == 0

    def test_end_after_a_day_that_has_passed_in_the_east(self, shell: Shell, add_acme: Add):
        """Each contract has its own zone."""
        add_acme("--open-ended", without=["--contract-end"])
        shell("org", "end", "acme")
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
            words = ("--reference", zone, "--start", "2026-01-01", "--open-ended")
            shell("contract", "add", "acme", *words, "--time-zone", zone)
        day = clock.policy_now().astimezone(ZoneInfo("Pacific/Pago_Pago")).date()
        said = f"2 contracts end with Acme on {day}, 1 of them now.\n"
        assert shell("org", "end", "acme", "--on", str(day)) == said


def test_people_read_tables(shell: Shell, add_acme: Add):
    """The same rows, in the other voice."""
    assert shell("org", "list").startswith("There are no organisations yet")
    add_acme("--unlisted")
    assert shell("org", "list").splitlines() == [
        "SLUG  NAME  STATE   DOMAINS       GUESTS  WAITING",
        "acme  Acme  active  acme.example  0       0",
    ]
    page = shell("org", "show", "acme")
    assert page.startswith("Acme (acme) is active, unlisted.\nGuests: 0, waiting: 0.\n")
    assert "acme.example  shell:" in page
    assert "\nOffers\nnone\n" in page
    shell("org", "suspend", "acme", "--reason", "Sold")
    assert "is suspended (Sold)" in shell("org", "show", "acme")


def test_whose_guests_go_to_somebody_else_is_said(shell: Shell):
    """As on the page: what a former sponsor vouched for, and how much of it ended."""
    scene = Scene(now=clock.policy_now())
    eve, ben = scene.staff("eve"), scene.staff("ben")
    jane = scene.guest(scene.partner(sponsors=[eve, ben], lead=eve))
    said = shell("org", "set", "acme", "--sponsor", "ben@host.example", "--lead", "")
    assert "Who is not named any more decides no more: 1 sponsorships handed over, 0 ended" in said
    assert scene.sponsorship(jane).sponsor_id == ben
    assert "handed over" not in shell("org", "set", "acme", "--lead", "ben@host.example")


def test_a_domain_that_is_a_sponsors_own(shell: Shell):
    """What they vouch for goes on; a sponsor named in the same breath is held against it too."""
    scene = Scene(now=clock.policy_now())
    eve, ben = scene.staff("eve", email="eve@labs.example"), scene.staff("ben")
    jane = scene.guest(scene.partner(sponsors=[eve], deputy=ben))
    both = ("--domain", "acme.example", "--domain", "labs.example")
    refused = shell.refused("org", "set", "acme", *both, "--sponsor", "eve@labs.example")
    assert "has an address of Acme and cannot decide for it" in refused
    assert scene.sponsorship(jane).sponsor_id == eve
    said = shell("org", "set", "acme", *both)
    assert "1 sponsorships handed over, 0 ended" in said
    assert scene.sponsorship(jane).sponsor_id == ben
    assert "handed over" not in shell("org", "set", "acme", *both, "--name", "Acme Corp")
