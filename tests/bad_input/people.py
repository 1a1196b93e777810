"""The forms of sponsors, of guests, and of whoever is nobody yet."""

from typing import Final

from portal.admission import changes as admission
from portal.admission.changes import Arrived
from portal.foundation import clock
from portal.staff import changes as staff
from portal.trust import changes as trust
from tests.bad_input import nasty
from tests.bad_input.entry import Entry
from tests.bad_input.nasty import Values
from tests.bad_input.world import House, session_of
from tests.scene import HOST_DOMAINS

ARRIVAL: Final = "__Host-portal-arrival"
_MISSING: Final = f"/{nasty.STRANGER}"


def _arrive(house: House) -> None:
    """Somebody new has come back from Acme's sign-in."""
    scene, acme = house.world.scene, house.world.partners["acme"]
    with house.app.app_context():
        identity = scene.identity(acme, "wanda", name="Wanda Keller", profile={})
        provider = scene.provider_row(acme, identity)
        with scene.tx() as tx:
            result = admission.knock(tx, identity, provider, HOST_DOMAINS)
    assert isinstance(result, Arrived)
    house.cookies["wanda"] = f"{ARRIVAL}={result.token}"


def _link(house: House) -> None:
    """A link that opens once, for a quarter of an hour from now."""
    petra, at = house.world.ids["petra"], clock.protocol_now()
    made = house.run(lambda tx: staff.make_sign_in_link(tx, petra, at=at))
    house.world.links["sign_in"] = made.token


def _elsewhere(house: House) -> None:
    """Anna is signed in in a second browser."""
    with house.app.app_context():
        session_of(house.world, "anna")


def _new_terms(house: House) -> None:
    body = "Use what you are given for the agreed work only."
    house.run(lambda tx: trust.publish_terms(tx, body, published_by="Petra Vogel"))


_DECISION: Final = "/sponsor/decisions/{theo_asks}"
_GUEST: Final = "/sponsor/guests/{anna}"
# The pages are large; the field is the admins', and what it makes of dates is tried there.
_LAST_DAY: Final = (
    *map(nasty.Nasty, ("tomorrow", "9999-12-31", "2027-03-01\0", nasty.MARKUP, "", "2026-11-01")),
    nasty.Nasty("2027-03-02"),  # a day after the contract
)
_DECIDED: Final = "came later, and nothing of it was saved"
_OVERTAKEN: Final = "Something has changed meanwhile"


def _seen(prefix: str) -> dict[str, Values]:
    return {f"{prefix}-seen": nasty.SEEN}


SPONSOR: Final = (
    Entry(
        "decisions.approve",
        "jonas",
        _DECISION,
        "/approve",
        {"approve-last_day": _LAST_DAY, "approve-may_use": nasty.CHOICES, **_seen("approve")},
        {"approve-last_day": "2027-01-31"},
        again=_DECIDED,
        foreign={"approve-may_use": ("globex_offer",)},
        elsewhere=(f"/sponsor/decisions{_MISSING}/approve",),
    ),
    Entry(
        "decisions.reject",
        "jonas",
        _DECISION,
        "/reject",
        {"reject-reason": nasty.NOTE},
        {"reject-reason": "Not known here"},
        again=_DECIDED,
        elsewhere=(f"/sponsor/decisions{_MISSING}/reject",),
    ),
    Entry(
        "decisions.hand_over",
        "jonas",
        _DECISION,
        "/hand-over",
        {"hand-to": nasty.CHOICE, **_seen("hand")},
        {"hand-to": "{irene}"},
        again="Something has changed meanwhile",
        foreign={"hand-to": ("otto", "petra", "jonas")},
        elsewhere=(f"/sponsor/decisions{_MISSING}/hand-over",),
    ),
    Entry(
        "running.choose",
        "jonas",
        _GUEST,
        "/may-use",
        {"choose-may_use": nasty.CHOICES, **_seen("choose")},
        {"choose-may_use": ["{offer}"]},
        again=_OVERTAKEN,
        foreign={"choose-may_use": ("globex_offer",)},
        elsewhere=(f"/sponsor/decisions{_MISSING}/may-use",),
    ),
    Entry(
        "running.end",
        "jonas",
        _GUEST,
        "/end",
        {"end-reason": nasty.NOTE},
        {"end-reason": "The project is over"},
        again=_DECIDED,
        elsewhere=(f"/sponsor/decisions{_MISSING}/end",),
    ),
    Entry(
        "running.extend",
        "jonas",
        _GUEST,
        "/last-day",
        {"extend-last_day": _LAST_DAY, **_seen("extend")},
        {"extend-last_day": "2027-01-31"},
        again=_OVERTAKEN,
        elsewhere=(f"/sponsor/decisions{_MISSING}/last-day",),
    ),
    Entry(
        "running.keep",
        "jonas",
        "/sponsor/guests/{jakob}",
        "/keep",
        _seen("keep"),
        again=_OVERTAKEN,
        elsewhere=(f"/sponsor/decisions{_MISSING}/keep",),
    ),
    Entry(
        "sponsor_guests.let_back",
        "jonas",
        "/sponsor/guests/{milan}",
        "/let-back",
        again="Nothing keeps this person out",
        elsewhere=(f"/sponsor/guests{_MISSING}/let-back",),
    ),
    Entry(
        "sponsor_guests.resume",
        "jonas",
        "/sponsor/guests/{nora}",
        "/resume",
        again="Nobody holds this guest",
        elsewhere=(f"/sponsor/guests{_MISSING}/resume",),
    ),
    Entry(
        "sponsor_guests.suspend",
        "jonas",
        _GUEST,
        "/suspend",
        {"suspend-reason": nasty.NOTE},
        {"suspend-reason": "Lost laptop"},
        again="Somebody here has suspended them already",
        elsewhere=(f"/sponsor/guests{_MISSING}/suspend",),
    ),
    Entry(
        "sponsor_guests.vouch",
        "jonas",
        "/sponsor/guests/{lena}",
        "/vouch",
        {"vouch-last_day": _LAST_DAY, "vouch-may_use": nasty.CHOICES, **_seen("vouch")},
        {"vouch-last_day": "2027-01-31"},
        again="vouch",
        foreign={"vouch-may_use": ("globex_offer",)},
        elsewhere=(f"/sponsor/guests{_MISSING}/vouch",),
    ),
)

EVERYBODY: Final = (
    Entry(
        "arrival.accept",
        "wanda",
        "/arrival",
        "/arrival",
        {
            "arrival": nasty.SEEN,
            "version": nasty.SEEN,
            "why": nasty.MAY_BE_EMPTY,
            "works_with": nasty.line(254, needed=False),
            "terms": (nasty.Nasty("a\0b"), nasty.Nasty("")),
        },
        {"why": "Planning", "terms": "y"},
        before=_arrive,
        again="If you have accepted it already",
    ),
    Entry(
        "guest.accept_terms",
        "anna",
        "/me/terms",
        "/me/terms",
        {"version": nasty.SEEN, "accept": (nasty.Nasty("a\0b"), nasty.Nasty(""))},
        {"accept": "y"},
        before=_new_terms,
    ),
    Entry(
        "sign_in.discover",
        "nobody",
        "/sign-in",
        "/sign-in",
        {"email": nasty.NEEDED_EMAIL},
        {"email": "ada@acme.example"},
    ),
    Entry("sign_in.sign_out", "anna", "/me", "/sign-out"),
    Entry(
        "signed_in.end_elsewhere",
        "anna",
        "/signed-in",
        "/signed-in/elsewhere",
        before=_elsewhere,
        again="Sign in through your own company",  # the id of the session is another one by then
    ),
    Entry("staff_sign_in.use", "nobody", "/staff/link/{sign_in}", "", before=_link, again="link"),
)
