"""Every command: words that work on the gallery's world, and what may stand in each of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.bad_input import nasty
from tests.bad_input.nasty import YES, Nasty, Values

# Words of the command line hold no NUL, but bytes that are no text they do.
NO_TEXT: Final = Nasty("a\udcffb")


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        words: that follow its name, and work; ``{name}`` stands for an id of the world.
        values: what may be said for each parameter, by its name.
        stdin: what it reads there.
        starts: it starts a program of its own, so that only wrong use is tried here.
    """

    words: tuple[str, ...] = ()
    values: Mapping[str, Values] = field(default_factory=dict)
    stdin: str | None = None
    starts: bool = False


def _named(*values: str) -> Values:
    """What finds nothing."""
    return tuple(Nasty(value) for value in (*values, nasty.LONG, nasty.MARKUP, nasty.HIDDEN, ""))


SLUG: Final = _named("nothing", "../acme", "ACME ")
ID: Final = _named("x", nasty.STRANGER, "9" * 40)
ADDRESS: Final = tuple(one for one in nasty.EMAIL if "\0" not in one.value)
NONE_FOUND: Final = tuple(
    Nasty(one, YES) for one in ("x", nasty.LONG, nasty.MARKUP, nasty.HIDDEN, "")
)
CHOICE: Final = _named("nobody", "None")
DAY: Final = (*nasty.DAY[:-1], Nasty("2027-W09-1"), Nasty("20270301"), Nasty(""))
NUMBER: Final = (*nasty.NUMBER, Nasty(""))
ALIKE: Final = _named("-1", "1_0")  # all numbers are of one type: at length in one place
INSTANT: Final = tuple(
    map(
        Nasty,
        (
            "",
            "tomorrow",
            "2027-03-01",
            "2027-03-01T00:00:00",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "9999-12-31T00:00:00Z",
            nasty.LONG,
            nasty.MARKUP,
        ),
    )
)
FILE: Final = tuple(map(Nasty, ("/nowhere/at/all", "/", nasty.LONG, nasty.MARKUP, "")))
_POLICY: Final[Mapping[str, Values]] = {
    "approval": CHOICE,
    "approval_days": NUMBER,
    **dict.fromkeys(
        (
            "longest_days",
            "review_days",
            "grace_days",
            "inactivity_days",
            "max_guests",
            "max_new_per_hour",
        ),
        ALIKE,
    ),
    "accepted_acr": nasty.WORDS,
    "accepted_amr": nasty.WORDS,
}
_ORG: Final[Mapping[str, Values]] = {
    "name": (*nasty.NAME, Nasty("")),
    "domains": nasty.DOMAINS,
    "contract_reference": nasty.line(100),
    "contract_start": DAY,
    "contract_end": DAY,
    "time_zone": nasty.ZONE,
    "sponsors": nasty.NEEDED_EMAIL,
    "deputy": ADDRESS,
    "lead": ADDRESS,
    **_POLICY,
}
_IDP: Final[Mapping[str, Values]] = {
    "name": (*nasty.NAME, Nasty("")),
    "issuer": nasty.ISSUER,
    "client_id": nasty.CLIENT_ID,
    "client_secret_file": FILE,
    "client_auth": CHOICE,
    "scopes": nasty.WORDS[:5],
    "claims": nasty.CLAIM_MAP,
    "subject_claim": nasty.CLAIM,
    "require": nasty.PAIRS,
    "addresses": CHOICE,
}
_A_CONTRACT: Final = ("--reference", "N-1", "--start", "2026-02-01", "--time-zone", "UTC")

COMMANDS: Final[Mapping[str, Command]] = {
    "app add": Command(
        ("wiki", "--name", "Wiki", "--url", "https://wiki.northwind.example/"),
        {"slug": nasty.SLUG, "name": (*nasty.NAME, Nasty("")), "url": nasty.URL},
    ),
    "app set": Command(
        ("orders", "--name", "Orders and more"),
        {"slug": SLUG, "name": (*nasty.NAME, Nasty("")), "url": nasty.URL},
    ),
    "app list": Command(),
    "audit list": Command(
        (
            *("--reference", "X", "--event", "guest.removed"),
            *("--organisation", "acme", "--guest", "{anna}"),
            *("--since", "2026-01-01", "--until", "2026-12-31"),
        ),
        {
            "reference": NONE_FOUND,
            "event": CHOICE,
            "organisation": SLUG,
            "guest": _named("x", "9" * 40),
            "since": DAY,
            "until": DAY,
        },
    ),
    "check": Command(starts=True),
    "contract add": Command(
        ("acme", *_A_CONTRACT, "--end", "2038-12-31"),
        {
            "organisation": SLUG,
            "reference": (*nasty.line(100), Nasty("")),
            "start": (*DAY, Nasty("2039-01-01")),
            "end": (*DAY, Nasty("2026-01-01")),
            "time_zone": nasty.ZONE,
        },
    ),
    "contract list": Command(("acme",), {"organisation": SLUG}),
    "contract set": Command(
        ("acme", "C-1", "--end", "2027-06-30"),
        {"organisation": SLUG, "reference": _named("C-9"), "end": (*DAY, Nasty("2020-01-01"))},
    ),
    "db backup": Command(("{folder}/copy",), {"file": FILE}),
    "db restored": Command(),
    "db upgrade": Command(starts=True),
    "demo": Command(starts=True),
    "entitlement add": Command(
        ("orders", "audit", "--name", "Audit"),
        {"application": SLUG, "slug": nasty.SLUG, "name": (*nasty.NAME, Nasty(""))},
    ),
    "entitlement list": Command(("acme",), {"organisation": SLUG}),
    "entitlement offer": Command(
        ("umbra", "orders/read", "--when", "department=Finance"),
        {
            "organisation": SLUG,
            "entitlement": _named("orders", "orders/", "/", "a/b/c"),
            "when": nasty.WHEN,
        },
    ),
    "entitlement withdraw": Command(
        ("acme", "orders/read"),
        {"organisation": SLUG, "entitlement": _named("orders", "orders/", "/", "a/b/c")},
    ),
    "guest list": Command(
        ("--organisation", "acme", "--state", "active"), {"organisation": SLUG, "state": CHOICE}
    ),
    "guest remove": Command(
        ("{anna}", "--reason", "Left"), {"guest_id": ID, "reason": (*nasty.NOTE, Nasty(""))}
    ),
    "guest resume": Command(("{nora}",), {"guest_id": ID}),
    "guest show": Command(("{anna}",), {"guest_id": ID}),
    "guest suspend": Command(
        ("{anna}", "--reason", "Lost"), {"guest_id": ID, "reason": (*nasty.NOTE, Nasty(""))}
    ),
    "idp add-oidc": Command(
        (
            *("umbra", "second", "--name", "Second", "--issuer", "https://second.umbra.example"),
            *("--client-id", "portal", "--client-secret-file", "{folder}/secret"),
        ),
        {"organisation": SLUG, "slug": nasty.SLUG, **_IDP},
    ),
    "idp disable": Command(("acme", "id"), {"organisation": SLUG, "slug": SLUG}),
    "idp enable": Command(("acme", "id"), {"organisation": SLUG, "slug": SLUG}),
    "idp list": Command(("acme",), {"organisation": SLUG}),
    "idp set": Command(
        ("umbra", "main", "--name", "Umbra"),
        {"organisation": SLUG, "slug": SLUG, **_IDP},
    ),
    "idp test": Command(("acme", "id"), {"organisation": SLUG, "slug": SLUG}),
    "init": Command(
        ("--public-url", "https://x.example", "--host-name", "X", "--file", "{folder}/new.env"),
        {
            "public_url": _named("x", "ftp://x.example", "https://", "https://x.example/a?b#c"),
            "host_name": (
                Nasty("a\nPORTAL_ENV=development"),
                Nasty(f"a{nasty.CONTROLS}"),
                Nasty(nasty.LONG),
            ),
            "file": FILE,
        },
    ),
    "lifecycle run": Command(("--now", "2026-11-25T00:00:00Z"), {"now": INSTANT}),
    "org add": Command(
        (
            *("newcorp", "--name", "New", "--domain", "newcorp.example"),
            *("--contract-reference", "N-1", "--contract-start", "2026-02-01"),
            *("--contract-end", "2038-12-31", "--time-zone", "UTC"),
            *("--sponsor", "jonas.brandt@northwind.example"),
        ),
        {"slug": nasty.SLUG, **_ORG},
    ),
    "org end": Command(("acme", "--on", "2027-01-31"), {"slug": SLUG, "last_day": DAY}),
    "org list": Command(),
    "org resume": Command(("acme",), {"slug": SLUG}),
    # A contract is more than one word, and what stands about it does not change.
    "org set": Command(
        ("acme", "--name", "Acme Corp"),
        {"slug": SLUG, **_ORG, "contract_reference": _named("x" * 101), "contract_start": DAY},
    ),
    "org show": Command(("acme",), {"slug": SLUG}),
    "org suspend": Command(
        ("acme", "--reason", "Review"), {"slug": SLUG, "reason": (*nasty.NOTE, Nasty(""))}
    ),
    "outbox list": Command(("--state", "dead"), {"state": CHOICE}),
    "scheduler": Command(starts=True),
    "secrets rotate": Command(),
    "session end": Command(
        ("--guest", "{anna}"), {"guest_id": ID, "email": _named("x", "nobody@northwind.example")}
    ),
    "staff add": Command(
        ("new@northwind.example", "--name", "New", "--role", "sponsor"),
        {
            "email": nasty.NEEDED_EMAIL,
            "name": (*nasty.NAME, Nasty("")),
            "role": CHOICE,
            "subject": (*map(Nasty, ("x" * 256, nasty.HIDDEN, "")), Nasty(nasty.MARKUP, YES)),
        },
    ),
    "staff list": Command(),
    "staff remove": Command(
        ("maria.lindqvist@northwind.example",), {"email": _named("x", "nobody@northwind.example")}
    ),
    "staff sign-in-link": Command(
        ("jonas.brandt@northwind.example",), {"email": _named("x", "nobody@northwind.example")}
    ),
    "terms publish": Command(("-",), {"file": FILE}, stdin="Use it well."),
    "terms show": Command(),
    "up": Command(starts=True),
    "web": Command(starts=True),
    "worker": Command(starts=True),
}
