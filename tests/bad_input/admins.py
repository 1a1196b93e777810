"""The forms of admins."""

from collections.abc import Mapping
from typing import Final

from portal.trust import changes as trust
from tests.bad_input import nasty
from tests.bad_input.entry import Entry
from tests.bad_input.nasty import Values
from tests.bad_input.world import House


def _suspended(house: House) -> None:
    house.run(lambda tx: trust.suspend(tx, house.world.partners["acme"].id, "Under review"))


def _disabled(house: House) -> None:
    house.run(lambda tx: trust.disable(tx, house.world.partners["acme"].provider_id))


def _strong(house: House) -> None:
    values = {"accepted_amr": ["mfa"]}
    house.run(lambda tx: trust.set_policy(tx, house.world.partners["acme"].id, values))


_ACME: Final = "/admin/organisations/acme"
_IDP: Final = f"{_ACME}/providers/id"
_MISSING: Final = f"/{nasty.STRANGER}"
_SEEN: Final[Mapping[str, Values]] = {"seen": nasty.SEEN}
_OVERTAKEN: Final = "This was changed since you opened it"
_POLICY: Final[Mapping[str, Values]] = {
    "approval": nasty.CHOICE,
    **dict.fromkeys(
        (
            "approval_days",
            "longest_days",
            "review_days",
            "grace_days",
            "inactivity_days",
            "most_guests",
            "most_new_per_hour",
            "address_days",
        ),
        nasty.NUMBER,
    ),
    "accepted_acr": nasty.WORDS,
    "accepted_amr": nasty.WORDS,
}
_CONTRACT: Final[Mapping[str, Values]] = {
    "reference": nasty.line(100),
    "first_day": (*nasty.DAY, nasty.Nasty(""), nasty.Nasty("2039-01-01", beside="last_day")),
    "last_day": (*nasty.DAY, nasty.Nasty(""), nasty.Nasty("2026-01-01")),
    "open_ended": nasty.TICK,
    "time_zone": nasty.ZONE,
}
_A_CONTRACT: Final = {
    "reference": "N-1",
    "first_day": "2026-02-01",
    "last_day": "2038-12-31",
    "time_zone": "Europe/Berlin",
}
_PROVIDER: Final[Mapping[str, Values]] = {
    "name": nasty.NAME,
    "issuer": nasty.ISSUER,
    "client_id": nasty.CLIENT_ID,
    "client_auth": nasty.CHOICE,
    "scopes": nasty.WORDS,
    "claim": nasty.CLAIM_MAP,
    "subject_claim": nasty.CLAIM,
    "require": nasty.PAIRS,
    "addresses": nasty.CHOICE,
}

ADMIN: Final = (
    Entry(
        "admin_guests.suspend",
        "petra",
        "/admin/guests/{anna}",
        "/suspend",
        {"suspend-reason": nasty.NOTE},
        {"suspend-reason": "Lost laptop"},
        again="Somebody here has suspended them already",
        elsewhere=(f"/admin/guests{_MISSING}/suspend",),
    ),
    Entry(
        "admin_guests.resume",
        "petra",
        "/admin/guests/{nora}",
        "/resume",
        again="Nobody holds this guest",
        elsewhere=(f"/admin/guests{_MISSING}/resume",),
    ),
    Entry(
        "admin_guests.remove",
        "petra",
        "/admin/guests/{anna}",
        "/remove",
        {"remove-reason": nasty.NOTE},
        {"remove-reason": "Left"},
        again="The guest is removed already",
        elsewhere=(f"/admin/guests{_MISSING}/remove",),
    ),
    Entry(
        "admin_staff.add",
        "petra",
        "/admin/staff",
        "/staff",
        {
            "email": nasty.NEEDED_EMAIL,
            "name": nasty.NAME,
            "role": nasty.CHOICE,
            "subject": nasty.line(255, needed=False),
        },
        {"email": "new@northwind.example", "name": "New", "role": "sponsor"},
        again="already",
    ),
    Entry(
        "admin_staff.remove",
        "petra",
        "/admin/staff/{maria}",
        "/remove",
        again="This employee has left already",
        elsewhere=(f"/admin/staff{_MISSING}/remove",),
    ),
    Entry(
        "admin_terms.publish",
        "petra",
        "/admin/terms",
        "/terms",
        {"body": nasty.TERMS, **_SEEN},
        {"body": "Use it well."},
        again=_OVERTAKEN,
    ),
    Entry(
        "applications.add",
        "petra",
        "/admin/applications",
        "/applications",
        {"name": nasty.NAME, "slug": nasty.SLUG, "url": nasty.URL},
        {"name": "Wiki", "slug": "wiki", "url": "https://wiki.northwind.example/"},
        again="There is an application wiki already",
    ),
    Entry(
        "applications.add_entitlement",
        "petra",
        "/admin/applications/orders",
        "/applications/orders",
        {"name": nasty.NAME, "slug": nasty.SLUG},
        {"name": "Audit", "slug": "audit"},
        again="has an entitlement audit already",
        elsewhere=("/admin/applications/nothing",),
    ),
    Entry(
        "applications.save",
        "petra",
        "/admin/applications/orders/edit",
        "/orders/edit",
        {"name": nasty.NAME, "url": nasty.URL, **_SEEN},
        {"name": "Orders and more", "url": "https://orders.northwind.example/new"},
        again=_OVERTAKEN,
        elsewhere=("/admin/applications/nothing/edit",),
    ),
    Entry(
        "health.send_again",
        "petra",
        "/admin/health",
        "/send-again",
        again="not dead any more",
        elsewhere=(f"/admin/health/outbox{_MISSING}/send-again",),
    ),
    Entry(
        "health.withdraw",
        "petra",
        "/admin/health",
        "/withdraw",
        again="not dead any more",
        elsewhere=(f"/admin/health/outbox{_MISSING}/withdraw",),
    ),
    Entry(
        "health.test_mail",
        "petra",
        "/admin/health",
        "/test-mail",
        repeats="each press is a mail, to oneself alone",
    ),
    Entry(
        "organisations.add",
        "petra",
        "/admin/organisations/new",
        "/organisations/new",
        {
            **_CONTRACT,
            "sponsor": nasty.EMAILS,
            "deputy": nasty.EMAIL,
            "name": nasty.NAME,
            "slug": nasty.SLUG,
            "domain": nasty.DOMAINS,
            "unlisted": nasty.TICK,
            "approval": nasty.CHOICE,
        },
        {
            **_A_CONTRACT,
            "sponsor": "jonas.brandt@northwind.example",
            "name": "New",
            "slug": "newcorp",
            "domain": "newcorp.example",
            "approval": "first",
        },
        again="There is an organisation newcorp already",
    ),
    Entry(
        "organisations.end",
        "petra",
        _ACME,
        "/end",
        {"last_day": nasty.DAY},
        {"last_day": ""},
        elsewhere=("/admin/organisations/nothing/end",),
    ),
    Entry(
        "organisations.resume",
        "petra",
        _ACME,
        "/resume",
        before=_suspended,
        again="is not suspended",
        elsewhere=("/admin/organisations/nothing/resume",),
    ),
    Entry(
        "organisations.save",
        "petra",
        f"{_ACME}/edit",
        "/edit",
        {"name": nasty.NAME, "domain": nasty.DOMAINS, "unlisted": nasty.TICK, **_SEEN},
        {"name": "Acme Corp"},
        again=_OVERTAKEN,
        elsewhere=("/admin/organisations/nothing/edit",),
    ),
    Entry(
        "organisations.suspend",
        "petra",
        _ACME,
        "/suspend",
        {"reason": nasty.NOTE},
        {"reason": "Under review"},
        again="is suspended already",
        elsewhere=("/admin/organisations/nothing/suspend",),
    ),
    Entry(
        "providers.add",
        "petra",
        "/admin/organisations/initech/providers/new",
        "/providers/new",
        {**_PROVIDER, "slug": nasty.SLUG, "client_secret": nasty.SECRET},
        {
            "slug": "second",
            "issuer": "https://second.initech.example",
            "client_id": "portal",
            "client_secret": "secret",
        },
        again="has an identity provider second already",
        elsewhere=("/admin/organisations/nothing/providers/new",),
    ),
    Entry(
        "providers.attest",
        "petra",
        _IDP,
        "/strength",
        {"attested": nasty.CHOICE},
        {"attested": "yes"},
        before=_strong,
        elsewhere=(f"{_ACME}/providers/partners/strength",),
    ),
    Entry(
        "providers.disable",
        "petra",
        _IDP,
        "/disable",
        elsewhere=(f"{_ACME}/providers/partners/disable",),
    ),
    Entry(
        "providers.enable",
        "petra",
        _IDP,
        "/enable",
        before=_disabled,
        elsewhere=(f"{_ACME}/providers/partners/enable",),
    ),
    Entry(
        "providers.replace_secret",
        "petra",
        _IDP,
        "/secret",
        {"client_secret": nasty.SECRET},
        {"client_secret": "another"},
        repeats="what is kept does not tell whether it is the same secret",
        elsewhere=(f"{_ACME}/providers/partners/secret",),
    ),
    Entry(
        "providers.save",
        "petra",
        f"{_IDP}/edit",
        "/edit",
        {**_PROVIDER, **_SEEN},
        {"name": "Acme sign-in"},
        again=_OVERTAKEN,
        elsewhere=(f"{_ACME}/providers/partners/edit",),
    ),
    Entry(
        "providers.test",
        "petra",
        _IDP,
        "/test",
        repeats="each press asks the provider, and notes what it said",
        elsewhere=(f"{_ACME}/providers/partners/test",),
    ),
    Entry(
        "trust.add_contract",
        "petra",
        f"{_ACME}/contracts/new",
        "/contracts/new",
        _CONTRACT,
        _A_CONTRACT,
        again="has a contract N-1 already",
        elsewhere=("/admin/organisations/nothing/contracts/new",),
    ),
    Entry(
        "offers.make_offer",
        "petra",
        "/admin/organisations/umbra/offers/new",
        "/offers/new",
        {"entitlement": nasty.CHOICE, "how": nasty.CHOICE, "when": nasty.WHEN},
        {"entitlement": "{read}", "how": "when", "when": "department=Finance"},
        again="is offered to this organisation already",
        elsewhere=("/admin/organisations/nothing/offers/new",),
    ),
    Entry(
        "trust.move_contract",
        "petra",
        f"{_ACME}/contracts/{{acme_contract}}",
        "/contracts/{acme_contract}",
        {"last_day": (*nasty.DAY, nasty.Nasty("")), "open_ended": nasty.TICK, **_SEEN},
        {"last_day": "2027-04-01"},
        again=_OVERTAKEN,
        elsewhere=("/admin/organisations/globex/contracts/{acme_contract}",),
    ),
    Entry(
        "trust.name_sponsors",
        "petra",
        f"{_ACME}/sponsors",
        "/sponsors",
        {"sponsor": nasty.EMAILS, "deputy": nasty.EMAIL, "lead": nasty.EMAIL, **_SEEN},
        {"sponsor": "otto@northwind.example"},
        again=_OVERTAKEN,
        elsewhere=("/admin/organisations/nothing/sponsors",),
    ),
    Entry(
        "trust.set_defaults",
        "petra",
        "/admin/policy",
        "/policy",
        {**_POLICY, **_SEEN},
        {"review_days": "30"},
        again=_OVERTAKEN,
    ),
    Entry(
        "trust.set_policy",
        "petra",
        f"{_ACME}/policy",
        "/policy",
        {**_POLICY, **_SEEN},
        {"review_days": "30"},
        again=_OVERTAKEN,
        elsewhere=("/admin/organisations/nothing/policy",),
    ),
    Entry(
        "offers.withdraw",
        "petra",
        _ACME,
        "/offers/{offer}/withdraw",
        again="does not stand any more",
        elsewhere=("/admin/organisations/globex/offers/{offer}/withdraw",),
    ),
)
