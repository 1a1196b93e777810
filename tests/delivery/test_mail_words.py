"""What single kinds of mail say: why, who did it, until when, and who can help."""

import pytest

from tests.infra.mailbox import text_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_request_that_waits_with_access_says_so(render):
    """At once: the access is there, and ends unless somebody approves."""
    first = text_of(render("sponsor.request"))
    assert "If nobody decides by 16 November 2026, 13:05 UTC, the request lapses" in first
    assert "restricted access" not in first
    at_once = text_of(
        render("sponsor.request", at_once=True, approve_by="2026-11-09T13:05:00Z", lapses_at=None)
    )
    assert "They have restricted access already" in at_once
    assert "If nobody approves by 9 November 2026, 13:05 UTC, the access ends" in at_once


def test_what_is_not_known_is_not_mentioned(render):
    """A person without address or words of their own makes no empty lines."""
    mail = render("sponsor.request", guest_name=None, guest_email=None, why=None, works_with="")
    assert "somebody without a name" in text_of(mail)
    assert "no address" in text_of(mail)
    assert "own words" not in text_of(mail)
    assert "own words" not in text_of(mail, "html")


@pytest.mark.parametrize("kind", ["guest.suspended", "guest.removed", "sponsor.guest_suspended"])
def test_every_reason_has_words(kind, render):
    """A code never reaches a person; an unknown one is met with a pointer to the page."""
    from portal.guests.rules import Reason

    states = {"awaiting_decision", "at_once", "approved", "resumed", "let_back"}
    unknown = "the page says why"
    for reason in set(Reason) - states:
        assert unknown not in text_of(render(kind, reason=reason))
    assert unknown in text_of(render(kind, reason="a_reason_of_tomorrow"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "no access: Ada Byron suspended it. They have been told."),
        ({}, "Every sponsor of theirs may lift it."),
        ({"by": "", "reason": "suspended_by_admin"}, "no access: an admin suspended it."),
        ({"reason": "suspended_by_admin"}, "An admin has to lift it."),
        ({"reason": "removed_by_staff", "removes_at": None}, "no access: Ada Byron ended it."),
        ({"waited": True, "removes_at": None}, "they no longer do: Ada Byron ended that."),
        (
            {"stays": True, "removes_at": None},
            "your word for them was ended by Ada Byron. Another sponsorship runs, so they are",
        ),
    ],
)
def test_what_somebody_else_decided(changes, said, render):
    """Who did it, what it means, and who may undo it."""
    mail = render("sponsor.guest_stopped", **changes)
    assert said in text_of(mail)
    assert said in text_of(mail, "html")


@pytest.mark.parametrize("part", ["plain", "html"])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "asked to vouch for them. Since 2 November 2026, 13:05 UTC Ben Boole does."),
        ({"taken": "rejected", "stays": False}, "Ben Boole decided against it. They are outside,"),
        ({"taken": "rejected"}, "decided against it. Somebody else vouches for them, so they are"),
        ({"taken": "kept"}, "Ben Boole confirmed that they still need their access"),
        (
            {"taken": "moved", "last_day": "2027-03-01", "time_zone": "Europe/Berlin"},
            "Ben Boole moved its last day to 1 March 2027, 24:00 in the time zone Europe/Berlin.",
        ),
        ({"taken": "handed_over"}, "Ben Boole took that over."),
        ({"taken": "handed_over", "sponsor": "Eve"}, "Ben Boole handed that over to Eve."),
    ],
)
def test_what_a_colleague_took_off_one(changes, said, part, render):
    """What they did, whose it is now, and whom to talk to."""
    text = " ".join(text_of(render("sponsor.decided", **changes), part).split())
    assert said in text
    assert "talk to Ben Boole" in text


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "Nobody was here under it."),
        (1, "1 guest was here under it."),
        (2, "2 guests were here under it."),
    ],
)
@pytest.mark.parametrize("whom", ["admin", "sponsor"])
def test_counts_are_grammatical(whom, count, said, render):
    """One guest was, two were, and nobody is not a number."""
    text = text_of(render(f"{whom}.contract_ended", count=count, out=count))
    assert said in text
    assert ("they stay outside" in text) == bool(count)


@pytest.mark.parametrize("whom", ["admin", "sponsor"])
def test_whom_another_contract_carries_is_not_called_removed(whom, render):
    """All whom a contract carried are counted: some of them may stay under another, or all."""
    kind = f"{whom}.contract_ended"
    text = text_of(render(kind, count=2, out=1, runs=True))
    assert "Whoever had nothing else has been removed, and told: 1 of them." in text
    assert "whoever is out stays outside" in text
    for count, said in ((1, "1 guest was here under it, and goes"), (2, "under it, and go on")):
        text = text_of(render(kind, count=count, out=0, runs=True))
        assert said in text
        for untrue in ("removed", "outside", "need another", "enter the new", "Is there a new"):
            assert untrue not in text
    assert "Whoever had nothing else has been removed, and told." in text_of(
        render(kind, count=2, out=2)
    )


@pytest.mark.parametrize("part", ["plain", "html"])
def test_what_nobody_handed_over_names_nobody(part, render):
    """Where a colleague has left, nobody did it: no sentence begins with a gap."""
    by_ada = text_of(render("sponsor.handed_over"), part)
    assert "Ada Byron handed this guest of Acme over to you." in by_ada
    text = text_of(render("sponsor.handed_over", by=""), part)
    assert "handed this guest" not in text
    assert "Whoever vouched for this guest of Acme, or was asked to, may no longer decide." in text


@pytest.mark.parametrize("part", ["plain", "html"])
def test_a_list_that_was_cut_says_so(part, render):
    """The page has them all."""
    assert "And 1 more." in text_of(render("sponsor.handed_over_guests"), part)
    assert "more." not in text_of(render("sponsor.handed_over_requests"), part)


def test_an_emergency_link_is_told_as_what_it_is(render):
    """It is told when it is made: nobody has signed in by it yet."""
    mail = render("admin.break_glass")
    assert "signed in" not in mail["Subject"] + text_of(mail)
    assert "a link was made on the server" in text_of(mail)


def test_a_guest_reads_when(render):
    """Since when access is gone for good, and how long it runs once it is open again."""
    assert "ended on 1 March 2027, 23:00 UTC: the contract" in text_of(render("guest.removed"))
    assert "until 1 March 2027, 23:00 UTC at the latest" in text_of(render("guest.resumed"))


@pytest.mark.parametrize("part", ["plain", "html"])
def test_a_review_ends_one_sponsors_word(part, render):
    """Another's word may carry the guest on: then nobody is told of an end."""
    text = text_of(render("sponsor.review"), part)
    assert "your word for them ends on 14 February 2027, 00:00 UTC." in text
    assert "Unless somebody else vouches for them too, their access ends with it" in text


def test_whoever_is_let_back_has_nothing_to_ask(render):
    """The sponsor who lets them back makes the request; it waits for a decision."""
    mail = render("guest.let_back")
    assert mail["Subject"] == "Your access to Host Ltd is being decided anew"
    assert "a new request waits for a decision" in text_of(mail)


@pytest.mark.parametrize("part", ["plain", "html"])
def test_access_that_was_closed_before_it_ended(part, render):
    """It did not end just now."""
    closed = {"out_since": "2026-11-01T09:00:00Z"}
    guest = text_of(render("guest.removed", **closed), part)
    assert "no access since 1 November 2026, 09:00 UTC, and on 1 March 2027, 23:00 UTC" in guest
    held = text_of(render("sponsor.guest_stopped", **closed), part)
    assert "since 1 November 2026, 09:00 UTC. On 2 November 2026, 13:05 UTC Ada Byron sus" in held
    assert "have been told" not in held  # they see no difference
    gone = render("sponsor.guest_stopped", **closed, reason="removed_by_staff", removes_at=None)
    assert "Ada Byron ended it for good, and they have been told." in text_of(gone, part)


@pytest.mark.parametrize("part", ["plain", "html"])
def test_a_suspension_that_is_lifted_onto_nothing(part, render):
    """Nobody holds them any more, and still they are out: another is to be asked by now."""
    mail = render("guest.suspended", lifted=True)
    assert mail["Subject"] == "Your access to Host Ltd stays closed"
    guest = text_of(mail, part)
    assert "has lifted that. It stays closed, since 1 March 2027, 23:00 UTC: the last day" in guest
    assert "a sponsor there can let you in again" in guest
    sponsor = text_of(render("sponsor.guest_suspended", lifted=True), part)
    assert "It stays closed, since 2 November 2026, 13:05 UTC: they have not signed" in sponsor


@pytest.mark.parametrize("part", ["plain", "html"])
@pytest.mark.parametrize("kind", ["guest.approved", "guest.resumed"])
def test_whoever_is_shut_out_with_all_the_others_reads_so(kind, part, render):
    """A sponsor has decided, but nobody of their organisation comes in: they do not have access."""
    mail = render(kind, closed=True)
    text = text_of(mail, part)
    assert "Access for people of Acme is closed at the moment, which is nothing about you" in text
    assert "1 March 2027" in text
    for open_again in ("You have access", "is open again"):
        assert open_again not in mail["Subject"] + text
        assert open_again in render(kind)["Subject"] + text_of(render("guest.resumed"), part)


@pytest.mark.parametrize("part", ["plain", "html"])
def test_where_a_domain_was_taken_away_no_address_is_new(part, render):
    """The company says what it always said: it is the host that no longer knows the domain."""
    same = render("sponsor.address_changed", new="jane.roe@acme.example")
    told = same["Subject"] + text_of(same, part)
    assert "new address" not in told.lower()
    assert "no longer among those that Acme has here" in told
    other = render("sponsor.address_changed")
    assert "has a new address" in other["Subject"]
    assert "New address:" in text_of(other, part)


@pytest.mark.parametrize("part", ["plain", "html"])
def test_an_approval_is_one_sponsors_word(part, render):
    """Another's word may reach further: the mail does not say that access ends with this one."""
    text = text_of(render("guest.approved"), part)
    assert "Ada Byron vouches for you until 1 March 2027, 24:00 in the time zone" in text
    assert "access ends then, unless somebody else vouches for you longer" in text
    assert render("guest.approved")["Subject"] == "You have access to Host Ltd"
    moved = render("guest.approved", moved=True)
    assert moved["Subject"] == "The last day of your access to Host Ltd has changed"


@pytest.mark.parametrize("part", ["plain", "html"])
@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("contract_ended", "the contract that you came under has ended"),
        ("sponsor_left", "nobody is left here who could decide about it"),
        ("expired", "the last day that it could be for has passed"),
    ],
)
def test_whoever_only_waited_reads_of_their_request(part, render, reason: str, why: str):
    """They never had the access that others lose, nor anybody who vouched for them."""
    mail = render("guest.removed", reason=reason, waited=True)
    assert f"Your request ended on 1 March 2027, 23:00 UTC: {why}." in text_of(mail, part)
    assert "access" not in mail["Subject"].split(" to ")[0]
    assert "Your access" not in text_of(mail, part)
    assert "only somebody there can let you in." in text_of(mail, part)


@pytest.mark.parametrize("part", ["plain", "html"])
def test_who_is_removed_by_then_is_not_said_to_be_removed_later(part, render):
    """No sweep ran for a month: one mail says since when they are out, and that they are gone."""
    at = "2026-12-02T13:05:00Z"
    gone = text_of(render("sponsor.guest_suspended", removed_at=at, removes_at=None), part)
    assert "On 2 December 2026, 13:05 UTC they were removed" in gone
    later = "access stays closed, and on 2 December 2026, 13:05 UTC the guest is removed"
    assert later not in gone
    assert later in text_of(render("sponsor.guest_suspended"), part)


@pytest.mark.parametrize("part", ["plain", "html"])
def test_a_guest_reads_the_day_on_which_it_is_over(part, render):
    """A date, not a number of days after a date."""
    suspended = text_of(render("guest.suspended"), part)
    assert "If nobody opens it again by 31 March 2027, 23:00 UTC, your access ends for" in suspended
    back = text_of(render("guest.let_back"), part)
    assert "If nobody decides by 16 November 2026, 13:05 UTC, the request ends and you" in back


def test_what_is_handed_over_says_by_whom_and_until_when(render):
    """A colleague by name; where one has left, a sentence without a hole in it."""
    text = text_of(render("sponsor.handed_over"))
    assert "\nAda Byron handed this guest of Acme over to you.\n" in text
    assert "access ends on 1 March 2027, 23:00 UTC" in text
    left = render("sponsor.handed_over", by="", lapses_at="2026-11-16T13:05:00Z")
    assert (
        "\nWhoever vouched for this guest of Acme, or was asked to, may no longer decide"
        in text_of(left)
    )
    assert "If nobody decides by 16 November 2026, 13:05 UTC, the request lapses" in text_of(left)


@pytest.mark.parametrize(
    ("reason", "who"),
    [
        ("expired", "a sponsor there can let you in again"),
        ("suspended_by_staff", "whoever suspended it can lift it"),
        ("suspended_by_admin", "whoever suspended it can lift it"),
    ],
)
def test_a_suspended_guest_reads_who_can_help(reason, who, render):
    """No sponsor lifts what an admin did: nobody is sent to one in vain."""
    assert who in text_of(render("guest.suspended", reason=reason))


@pytest.mark.parametrize("part", ["plain", "html"])
@pytest.mark.parametrize(
    ("kind", "who"),
    [
        ("guest.rejected", "with whom you work: they can ask a sponsor for a second look"),
        ("guest.removed", "with whom you work: only somebody there can let you in again"),
    ],
)
def test_whoever_is_turned_away_reads_whom_to_ask(kind, who, part, render):
    """Not where to sign in: that would be a knock, and the door stays shut."""
    text = text_of(render(kind), part)
    assert f"talk to the person at Host Ltd {who}" in text
    assert "https://" not in text
    assert "See where you stand" not in text
