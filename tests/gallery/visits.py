"""The pages: whose, from which template, how one gets there, and what is there to see."""

from typing import Any, Final

from portal.sponsorship.changes import people
from portal.trust import changes as trust
from tests.gallery.tour import ERRORS, Visit
from tests.gallery.world import World

DOOR: Final = "/sign-in/acme/id"
_TOO_LATE: Final = "2031-01-01"
_TOO_EARLY: Final = "1950-01-01"


def _door(template: str, **said: Any) -> Visit:
    """Somebody comes back from Acme's sign-in."""
    return Visit("nobody", "sign_in.callback", f"sign_in/{template}.html", DOOR, **said)


def _policy(**values: Any) -> Any:
    def change(world: World) -> None:
        world.run(lambda tx: trust.set_policy(tx, world.partners["acme"].id, values))

    return change


def _close(world: World) -> None:
    world.run(lambda tx: trust.suspend(tx, world.partners["acme"].id, "Contract under review"))


def _hold_and_remove(subject: str) -> Any:
    def change(world: World) -> None:
        guest_id = world.ids[subject.partition(".")[0]]
        why = "Their company looks into it"
        world.run(lambda tx: people.suspend(tx, guest_id, why, by_admin=True), by="petra")
        world.run(lambda tx: people.remove(tx, guest_id, "Left the project"), by="jonas")
        with world.app.app_context():
            partner = world.partners["acme"]
            world.scene.knock(partner, world.scene.identity(partner, subject))

    return change


def _open(world: World) -> None:
    world.run(lambda tx: trust.resume(tx, world.partners["acme"].id))


def _new_terms(world: World) -> None:
    body = "Use what you are given for the agreed work only.\n\nReport what looks wrong."
    world.run(lambda tx: trust.publish_terms(tx, body, published_by="Petra Vogel"))


def _as(name: str) -> dict[str, str]:
    subject = name.lower().replace(" ", ".")
    return {"sub": subject, "email": f"{subject}@acme.example", "name": name}


EVERYBODY: Final = (
    Visit("nobody", "sign_in.ask", "sign_in/ask.html", "/sign-in"),
    Visit(
        "nobody", "sign_in.discover", "sign_in/ask.html", "/sign-in", ("/sign-in", {"email": "x"})
    ),
    Visit(
        "nobody",
        "sign_in.nowhere",
        "sign_in/nowhere.html",
        "/sign-in/nowhere-to-go",
    ),
    Visit("nobody", "sign_in.choose", "sign_in/choose.html", "/sign-in/globex"),
    Visit("nobody", "sign_in.choose", "sign_in/closed.html", "/sign-in/umbra"),
    Visit("nobody", "sign_in.start", "sign_in/closed.html", "/sign-in/umbra/main"),
    Visit("nobody", "sign_in.signed_out", "sign_in/signed_out.html", "/signed-out"),
    Visit("nobody", "arrival.look", "sign_in/arrival_over.html", "/arrival"),
    Visit("nobody", "staff_sign_in.start", "sign_in/staff_no_provider.html", "/staff/sign-in"),
    Visit(
        "nobody",
        "staff_sign_in.callback",
        "sign_in/staff_no_provider.html",
        "/staff/sign-in/callback",
    ),
    Visit("nobody", "staff_sign_in.look", "sign_in/link.html", "/staff/link/{sign_in}"),
    Visit("nobody", "staff_sign_in.look", "sign_in/link.html", "/staff/link/{bind}"),
    Visit("nobody", "staff_sign_in.use", "sign_in/onward.html", "/staff/link/{bind}", ("", {})),
    Visit("nobody", "staff_sign_in.look", "sign_in/link_over.html", "/staff/link/" + "x" * 43),
    *(Visit("nobody", "broken", f"errors/{status}.html", f"/broken/{status}") for status in ERRORS),
    # Refused after a sign-in, for each reason.
    _door("failed_here", lies={"error": "access_denied"}),
    Visit(
        "nobody",
        "sign_in.callback",
        "sign_in/failed_here.html",
        f"{DOOR}/callback?state=old&code=x",
    ),
    _door("failed_partner", lies={"claims": {"nonce": "another"}}),
    _door("failed_partner", lies={"broken": {"token": "status 503"}}),
    _door("failed_ours", lies={"token_error": "invalid_client"}),
    _door("refused", sign_in={"email": "wanda@elsewhere.example"}),
    _door("refused", sign_in={"email": "wanda@northwind.example"}),
    _door("refused", sign_in={"email_verified": False}),
    _door("refused", sign_in=_as("Nora Fischer")),  # held
    _door("refused", sign_in=_as("Lena Hartmann")),  # its time is over
    _door("refused", sign_in=_as("Milan Novak")),  # removed
    _door("refused", sign_in={"email": "anna.weber@acme.example"}),  # another's address
    _door("failed_here", before=_policy(accepted_acr=["mfa"])),
    _door("refused", before=_policy(accepted_acr=[], most_guests=1)),
    _door("refused", before=_policy(most_guests=100, most_new_per_hour=1)),
    _door("refused", before=_close),
    Visit("nobody", "sign_in.ask", "sign_in/ask.html", "/sign-in?next=/me", before=_open),
)

ARRIVAL: Final = (
    Visit(
        "nobody",
        "arrival.look",
        "sign_in/arrival.html",
        DOOR,
        before=_policy(most_new_per_hour=100),
        picture="arrival",
    ),
    Visit("nobody", "arrival.accept", "sign_in/arrival.html", "/arrival", ("/arrival", {})),
    Visit(
        "nobody",
        "arrival.look",
        "sign_in/arrival.html",
        "/arrival",
        before=_policy(approval="at-once"),
    ),
)

GUEST: Final = (
    Visit(
        "anna",
        "guest.standing",
        "guest/standing.html",
        "/me",
        before=_policy(approval="first"),
        picture="standing",
    ),
    Visit("anna", "guest.data", "guest/data.html", "/me/data"),
    Visit("anna", "guest.terms", "guest/terms.html", "/me/terms"),
    Visit("anna", "signed_in.look", "sign_in/sessions.html", "/signed-in"),
    Visit("theo", "guest.standing", "guest/standing.html", "/me"),
    Visit("theo", "guest.data", "guest/data.html", "/me/data"),
    Visit("priya", "guest.standing", "guest/standing.html", "/me"),
    Visit("ines", "guest.standing", "guest/standing.html", "/me"),
    Visit("nora", "guest.standing", "guest/standing.html", "/me"),
    Visit("lena", "guest.standing", "guest/standing.html", "/me"),
    Visit("anna", "guest.standing", "guest/standing.html", "/me", before=_close),
    Visit(
        "anna", "guest.terms", "guest/terms.html", "/me", before=lambda w: (_open(w), _new_terms(w))
    ),
    Visit("anna", "guest.accept_terms", "guest/terms.html", "/me/terms", ("/me/terms", {})),
)


def _sponsor(path: str, endpoint: str, template: str, *send: Any, **more: Any) -> Visit:
    more.setdefault("who", "jonas")
    return Visit(
        more.pop("who"), endpoint, f"sponsor/{template}.html", f"/sponsor{path}", *send, **more
    )


SPONSOR_EMPTY: Final = (
    _sponsor("", "decisions.inbox", "inbox"),
    _sponsor("/guests", "sponsor_guests.mine", "guests"),
    _sponsor("/past", "decisions.past", "past"),
    _sponsor("/removed", "sponsor_guests.removed", "removed"),
)

SPONSOR: Final = (
    _sponsor("", "decisions.inbox", "inbox", picture="inbox"),
    _sponsor("/decisions/{theo_asks}", "decisions.one", "decision", picture="decision"),
    _sponsor("/decisions/{priya_asks}", "decisions.one", "decision"),
    _sponsor("/decisions/{greta_asks}", "decisions.one", "decision", who="irene"),
    _sponsor(
        "/decisions/{theo_asks}",
        "decisions.approve",
        "decision",
        ("/approve", {"approve-last_day": _TOO_LATE}),
    ),
    _sponsor("/decisions/{theo_asks}", "decisions.reject", "decision", ("/reject", {})),
    _sponsor("/decisions/{theo_asks}", "decisions.hand_over", "decision", ("/hand-over", {})),
    _sponsor("/decisions/{felix_asks}", "decisions.one", "decided"),
    _sponsor("/decisions/{ines_asks}", "decisions.one", "guest"),
    _sponsor("/decisions/{lena_asks}", "decisions.one", "decided"),
    _sponsor("/guests", "sponsor_guests.mine", "guests"),
    _sponsor("/guests/{anna}", "sponsor_guests.one", "guest"),
    _sponsor("/guests/{jakob}", "sponsor_guests.one", "guest"),
    _sponsor("/decisions/{jakob_asks}", "decisions.one", "guest"),
    _sponsor("/guests/{nora}", "sponsor_guests.one", "guest"),
    _sponsor("/guests/{lena}", "sponsor_guests.one", "guest"),
    _sponsor("/guests/{milan}", "sponsor_guests.one", "guest"),
    _sponsor("/guests/{viktor}", "sponsor_guests.one", "guest"),
    _sponsor("/guests/{theo}", "sponsor_guests.one", "guest"),
    _sponsor(
        "/guests/{anna}", "running.extend", "guest", ("/last-day", {"extend-last_day": _TOO_LATE})
    ),
    _sponsor("/guests/{anna}", "running.end", "guest", ("/end", {})),
    _sponsor("/guests/{anna}", "sponsor_guests.suspend", "guest", ("/suspend", {})),
    _sponsor("/guests/{anna}", "decisions.hand_over", "guest", ("/hand-over", {})),
    _sponsor(
        "/guests/{lena}", "sponsor_guests.vouch", "guest", ("/vouch", {"vouch-last_day": _TOO_LATE})
    ),
    _sponsor("/past", "decisions.past", "past"),
    _sponsor("/removed", "sponsor_guests.removed", "removed"),
    Visit("jonas", "admin.overview", "errors/403.html", "/admin"),
)


def _admin(path: str, endpoint: str, template: str, *send: Any, **more: Any) -> Visit:
    return Visit("petra", endpoint, f"admin/{template}.html", f"/admin{path}", *send, **more)


_ORG: Final = "/organisations/acme"
_IDP: Final = f"{_ORG}/providers/id"
_NEW: Final = "/organisations/umbra/providers/main"

ADMIN_EMPTY: Final = (
    _admin("", "admin.overview", "overview"),
    _admin("/organisations", "organisations.listed", "organisations/list"),
    _admin("/guests", "admin_guests.listed", "guests/list"),
    _admin("/applications", "applications.listed", "applications/list"),
    _admin("/health", "health.show", "health"),
    _admin("/audit?event=guest.removed", "audit.log", "audit"),
)

ADMIN: Final = (
    _admin("", "admin.overview", "overview", picture="overview"),
    _admin("/organisations", "organisations.listed", "organisations/list"),
    _admin("/organisations/new", "organisations.new", "organisations/new"),
    _admin("/organisations/new", "organisations.add", "organisations/new", ("/new", {})),
    _admin(_ORG, "organisations.one", "organisations/one", picture="organisation"),
    _admin("/organisations/umbra", "organisations.one", "organisations/one"),
    _admin("/organisations/initech", "organisations.one", "organisations/one"),
    _admin(_ORG, "organisations.suspend", "organisations/one", ("/suspend", {})),
    _admin(_ORG, "organisations.end", "organisations/one", ("/end", {"last_day": _TOO_EARLY})),
    _admin(f"{_ORG}/edit", "organisations.edit", "organisations/edit"),
    _admin(f"{_ORG}/edit", "organisations.save", "organisations/edit", ("/edit", {"domain": "!"})),
    _admin(f"{_ORG}/contracts/new", "trust.new_contract", "organisations/form"),
    _admin(f"{_ORG}/contracts/new", "trust.add_contract", "organisations/form", ("/new", {})),
    _admin(f"{_ORG}/contracts/{{acme_contract}}", "trust.contract", "organisations/form"),
    _admin(
        f"{_ORG}/contracts/{{acme_contract}}",
        "trust.move_contract",
        "organisations/form",
        ("", {"last_day": ""}),
    ),
    _admin(f"{_ORG}/sponsors", "trust.who_vouches", "organisations/form"),
    _admin(
        f"{_ORG}/sponsors",
        "trust.name_sponsors",
        "organisations/form",
        ("/sponsors", {"sponsor": ""}),
    ),
    _admin(f"{_ORG}/policy", "trust.policy", "policy"),
    _admin(f"{_ORG}/policy", "trust.set_policy", "policy", ("/policy", {"review_days": "9999"})),
    _admin(f"{_ORG}/offers/new", "offers.new_offer", "organisations/form"),
    _admin(f"{_ORG}/offers/new", "offers.make_offer", "organisations/form", ("/new", {})),
    _admin("/policy", "trust.defaults", "policy"),
    _admin("/policy", "trust.set_defaults", "policy", ("/policy", {"review_days": "x"})),
    _admin("/organisations/umbra/providers/new", "providers.new", "identity_providers/form"),
    _admin(
        "/organisations/umbra/providers/new",
        "providers.add",
        "identity_providers/form",
        ("/new", {"issuer": ""}),
    ),
    _admin(_NEW, "providers.one", "identity_providers/one"),
    _admin(_NEW, "providers.enable", "identity_providers/one", ("/enable", {})),
    _admin(_IDP, "providers.one", "identity_providers/one", ("/test", {}), picture="provider"),
    _admin(_IDP, "providers.replace_secret", "identity_providers/one", ("/secret", {})),
    _admin(f"{_IDP}/edit", "providers.edit", "identity_providers/form"),
    _admin(f"{_IDP}/edit", "providers.save", "identity_providers/form", ("/edit", {"issuer": ""})),
    Visit("petra", "sign_in.callback", "admin/identity_providers/trial.html", f"/admin{_IDP}/try"),
    Visit(
        "petra",
        "sign_in.callback",
        "admin/identity_providers/trial.html",
        f"/admin{_IDP}/try",
        sign_in={"email": "wanda@elsewhere.example"},
    ),
    _admin("/guests", "admin_guests.listed", "guests/list"),
    _admin("/guests?text=nobody", "admin_guests.listed", "guests/list"),
    _admin("/guests/{anna}", "admin_guests.one", "guests/one"),
    _admin("/guests/{nora}", "admin_guests.one", "guests/one"),
    _admin("/guests/{milan}", "admin_guests.one", "guests/one"),
    _admin("/guests/{anna}", "admin_guests.suspend", "guests/one", ("/suspend", {})),
    _admin("/guests/{anna}", "admin_guests.remove", "guests/one", ("/remove", {})),
    _admin("/staff", "admin_staff.listed", "staff/list"),
    _admin("/staff", "admin_staff.add", "staff/list", ("/staff", {"email": "x"})),
    _admin("/staff/{jonas}", "admin_staff.one", "staff/one"),
    _admin("/applications", "applications.listed", "applications/list"),
    _admin("/applications", "applications.add", "applications/list", ("/applications", {})),
    _admin("/applications/orders", "applications.one", "applications/one"),
    _admin("/applications/orders/edit", "applications.edit", "applications/edit"),
    _admin(
        "/applications/orders/edit",
        "applications.save",
        "applications/edit",
        ("/edit", {"name": "", "url": "orders"}),
    ),
    _admin("/applications/orders", "applications.add_entitlement", "applications/one", ("", {})),
    _admin("/terms", "admin_terms.show", "terms"),
    _admin("/terms", "admin_terms.publish", "terms", ("/terms", {"body": ""})),
    _admin("/audit", "audit.log", "audit"),
    _admin("/audit?event=nothing.such", "audit.log", "audit"),
    _admin("/audit?since=x&organisation=acme", "audit.log", "audit"),
    _admin("/health", "health.show", "health"),
    # Held by an admin, then removed: neither page offers a sponsor to let them back.
    _admin(
        "/guests/{jakob}", "admin_guests.one", "guests/one", before=_hold_and_remove("jakob.reiter")
    ),
    _sponsor("/guests/{jakob}", "sponsor_guests.one", "guest"),
    _sponsor("/removed", "sponsor_guests.removed", "removed"),
)

SEEDED: Final = {
    "everybody": EVERYBODY + ARRIVAL,
    "guest": GUEST,
    "sponsor": SPONSOR,
    "admin": ADMIN,
}
EMPTY: Final = (*SPONSOR_EMPTY, *ADMIN_EMPTY)
EVERY_VISIT: Final = (*EMPTY, *(visit for visits in SEEDED.values() for visit in visits))
