"""The sponsor's pages: what they decide is carried out once, and only about their people."""

from uuid import uuid4

import pytest

from portal.guests.rules import Reason, State
from portal.lifecycle.changes import suspend_organisation
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.rules import Standing
from portal.web.display import long_date
from tests.pages.stage import DECISIONS, Stage, hidden, said, today_in, token_of


def test_the_inbox_says_who_waits_and_what_happens_otherwise(stage: Stage):
    """Who, from where, what for, since when, and what happens on which date."""
    for path in ("/sponsor", "/sponsor/", DECISIONS):
        answer = stage.client.get(path)
        assert answer.status_code == 200
        assert "1 decision waits for you" in answer.text
        assert "Jane Roe" in answer.text
        assert "App-1: Read" in answer.text
        assert "the request lapses on" in answer.text
    stage.approve(stage.jane, stage.ben)
    assert "Nobody waits for you" in stage.client.get("/sponsor").text


def test_whoever_comes_first_is_not_one_of_none(stage: Stage):
    """How many guests a company has, and how many of them are the sponsor's: of one, of none."""
    before = said(stage.client, stage.page)
    assert "First time here. Acme has no guest yet." in before
    joan = stage.scene.guest(stage.acme, "joan")
    stage.approve(joan, stage.acme.sponsor)
    assert "Acme has 1 guest; you vouch for them." in said(stage.client, stage.page)
    stage.approve(stage.scene.guest(stage.acme, "june"), stage.ben)
    assert "Acme has 2 guests; you vouch for 1 of them." in said(stage.client, stage.page)


def test_approving_gives_access_until_the_day(stage: Stage):
    """The button names the day; what is ticked is given, the rest is not."""
    answer = stage.client.get(stage.page)
    assert "Approve until" in answer.text
    assert "Jane Roe" in answer.text
    day = today_in(30)
    answer = stage.client.submit(stage.page, {"approve-last_day": day}, to="/approve")
    assert (answer.status_code, answer.location) == (303, "/sponsor")
    row = stage.scene.sponsorship(stage.jane)
    assert (row.state, row.last_day.isoformat()) == (Standing.ACTIVE, day)
    assert [grant.code for grant in stage.scene.grants(stage.jane)] == ["app-1/read"]
    assert stage.scene.access(stage.jane).allowed
    assert stage.scene.events("sponsorship.approved")[-1].actor == f"staff:{stage.acme.sponsor}"
    assert "has your word until" in stage.client.get("/sponsor").text


def test_whoever_decides_reads_that_nobody_comes_in_meanwhile(stage: Stage):
    """An approval and a lifted hold open nothing while the organisation is suspended."""
    stage.scene.run(suspend_organisation, stage.acme.id, "Incident", by=stage.ben)
    assert "Approving does not open it" in stage.client.get(stage.page).text
    assert stage.client.submit(stage.page, {}, to="/approve").status_code == 303
    page = f"/sponsor/guests/{stage.jane}"
    stage.client.submit(page, {"suspend-reason": "Lost laptop"}, to="/suspend")
    assert stage.client.submit(page, to="/resume").status_code == 303
    text = said(stage.client, page)
    assert "Nobody holds Jane Roe any more. A mail says so." in text
    assert "no access now: access for people of Acme is closed at the moment" in text


def test_i13_a_day_too_far_is_said_at_the_field(stage: Stage):
    """422, once on top and at the field, what was typed is kept; only the attempt is written."""
    before = stage.scene.event_names()
    answer = stage.client.submit(stage.page, {"approve-last_day": today_in(4000)}, to="/approve")
    assert answer.status_code == 422
    assert answer.text.count("or earlier: the policy allows 365 days") == 2
    assert 'href="#approve-last_day"' in answer.text
    assert f'value="{today_in(4000)}"' in answer.text
    assert stage.scene.event_names() == [*before, "access.refused"]
    assert stage.scene.events("access.refused")[0].reason == "sponsor.limit"


@pytest.mark.parametrize("day", ["", "tomorrow", "2027-02-30", "\0"])
def test_a_day_that_is_none_is_said_at_the_field(stage: Stage, day: str):
    answer = stage.client.submit(stage.page, {"approve-last_day": day}, to="/approve")
    assert answer.status_code == 422
    assert "approve-last_day-error" in answer.text
    assert stage.scene.row(stage.jane).state == State.PENDING


def test_an_offer_withdrawn_meanwhile_is_not_given(stage: Stage):
    """Ids that are not offered to this organisation are refused at the field."""
    answer = stage.client.submit(stage.page, {"approve-may_use": [str(uuid4())]}, to="/approve")
    assert answer.status_code == 422
    assert "no longer offered" in answer.text
    assert stage.scene.row(stage.jane).state == State.PENDING


def test_rejecting_needs_a_reason_and_leaves_a_tombstone(stage: Stage):
    answer = stage.client.submit(stage.page, to="/reject")
    assert answer.status_code == 422
    assert "Enter the reason" in answer.text
    answer = stage.client.submit(stage.page, {"reject-reason": "not one of ours"}, to="/reject")
    assert answer.status_code == 303
    row = stage.scene.row(stage.jane)
    assert (row.state, row.tombstone, row.state_reason) == (State.REMOVED, True, Reason.REJECTED)
    assert stage.scene.sponsorship(stage.jane).decision_note == "not one of ours"


def test_handing_over_asks_somebody_else(stage: Stage):
    answer = stage.client.submit(stage.page, {"hand-to": str(stage.ben)}, to="/hand-over")
    assert answer.status_code == 303
    assert stage.scene.sponsorship(stage.jane).sponsor_id == stage.ben
    assert "sponsor.handed_over" in stage.scene.mail_kinds()
    for to in ("", str(stage.acme.sponsor), str(uuid4())):
        other = stage.another(stage.ben)
        answer = other.submit(stage.page, {"hand-to": to}, to="/hand-over")
        assert answer.status_code == (303 if to == str(stage.acme.sponsor) else 422)


def test_the_second_decision_is_told_of_the_first(stage: Stage):
    """409: who decided what and when; nothing is overwritten, the attempt is in the audit log."""
    deputy = stage.another(stage.ben)
    form = {"approve-last_day": today_in(10), "csrf_token": token_of(deputy, stage.page)}
    stage.client.submit(stage.page, {"reject-reason": "unknown here"}, to="/reject")
    answer = deputy.post(f"{stage.page}/approve", data=form)
    assert answer.status_code == 409
    assert "turned" in answer.text
    assert "unknown here" in answer.text
    assert stage.scene.row(stage.jane).state == State.REMOVED
    assert stage.scene.events("sponsorship.decision_lost")[-1].actor == f"staff:{stage.ben}"


def test_a_doubled_click_decides_once(stage: Stage):
    """Approve, reject, keep, end: the same form twice answers 409 the second time."""
    token = token_of(stage.client, stage.page)
    for path, form in (
        ("approve", {"approve-last_day": today_in(60)}),
        ("end", {"end-reason": "the project is over"}),
    ):
        url = f"{stage.page}/{path}"
        assert stage.client.post(url, data={**form, "csrf_token": token}).status_code == 303
        events = stage.scene.event_names(stage.jane)
        assert stage.client.post(url, data={**form, "csrf_token": token}).status_code == 409
        new = stage.scene.event_names(stage.jane)[len(events) :]
        assert new == ["sponsorship.decision_lost"]


def test_a_form_overtaken_by_a_colleague_changes_nothing(stage: Stage):
    """Keep, prolong, choose and hand over hold what was seen: a newer decision stands."""
    stage.approve(stage.jane, stage.acme.sponsor, days=60)
    guest_page = f"/sponsor/guests/{stage.jane}"
    first = stage.client.submit(guest_page, {"extend-last_day": today_in(20)}, to="/last-day")
    assert first.status_code == 303
    seen = hidden(stage.client, guest_page, "extend-seen")
    deputy = stage.another(stage.ben)
    assert deputy.submit(guest_page, {"choose-may_use": []}, to="/may-use").status_code == 303
    for path, form in (
        ("last-day", {"extend-last_day": today_in(30), "extend-seen": seen}),
        ("keep", {"keep-seen": seen}),
        ("may-use", {"choose-may_use": [str(stage.wiki)], "choose-seen": seen}),
        ("hand-over", {"hand-to": str(stage.ben), "hand-seen": seen}),
    ):
        before = stage.scene.event_names()
        token = token_of(stage.client, guest_page)
        answer = stage.client.post(f"{stage.page}/{path}", data={**form, "csrf_token": token})
        assert answer.status_code == 409, path
        assert "changed meanwhile" in answer.text
        assert stage.scene.event_names() == before
    assert stage.scene.sponsorship(stage.jane).last_day.isoformat() == today_in(20)


def test_a_review_is_answered_by_keeping(stage: Stage, policy_clock):
    """Keep or end: who keeps is asked again later."""
    stage.scene.policy(stage.acme, inactivity_days=400, review_days=30)
    stage.approve(stage.jane, stage.acme.sponsor, days=200)
    stage.scene.at(policy_clock.forward(days=20))
    answer = stage.client.get(stage.page)
    assert "Do you still vouch for" in answer.text
    assert "1 decision waits for you" in stage.client.get("/sponsor").text
    before = stage.scene.sponsorship(stage.jane)
    answer = stage.client.submit(stage.page, to="/keep")
    assert answer.status_code == 303
    after = stage.scene.sponsorship(stage.jane)
    assert before.review_due_at is not None
    assert after.review_due_at is not None
    assert after.review_due_at > before.review_due_at
    assert "Do you still vouch for" not in stage.client.get(stage.page).text


def test_what_a_claim_proposes_is_taken_up_or_not(stage: Stage):
    """The mail's link leads to the guest with the proposal; ticking gives it."""
    finance = stage.scene.offer(stage.acme, when=("department", "Finance"))
    stage.approve(stage.jane, stage.acme.sponsor)
    identity = stage.scene.identity(stage.acme, claims={"sub": "jane", "department": "Finance"})
    stage.scene.sign_in(stage.acme, identity)
    inbox = stage.client.get("/sponsor").text
    assert "could get more" in inbox
    page = stage.client.get(stage.page).text
    assert "proposed: <bdi>department</bdi> is <bdi>Finance</bdi>" in page
    both = [str(stage.wiki), str(finance)]
    answer = stage.client.submit(stage.page, {"choose-may_use": both}, to="/may-use")
    assert answer.status_code == 303
    standing = {
        grant.offer_id for grant in stage.scene.grants(stage.jane) if grant.state == "active"
    }
    assert standing == {stage.wiki, finance}


def test_suspend_and_lift(stage: Stage):
    """A hold says why to colleagues; twice is told; lifting gives back what runs still."""
    stage.approve(stage.jane, stage.acme.sponsor)
    page = f"/sponsor/guests/{stage.jane}"
    answer = stage.client.submit(page, {"suspend-reason": "badge in a taxi"}, to="/suspend")
    assert answer.status_code == 303
    assert stage.scene.row(stage.jane).hold
    text = stage.client.get(page).text
    assert "badge in a taxi" in text
    token = token_of(stage.client, page)
    form = {"suspend-reason": "badge in a taxi", "csrf_token": token}
    assert stage.client.post(f"{page}/suspend", data=form).status_code == 409
    assert stage.client.submit(page, to="/resume").status_code == 303
    assert stage.scene.access(stage.jane).allowed
    assert stage.client.post(f"{page}/resume", data={"csrf_token": token}).status_code == 409


def test_an_admins_hold_is_not_a_sponsors_to_lift(stage: Stage):
    """The page says whom to ask, and has no button; sent all the same it is refused."""
    stage.approve(stage.jane, stage.acme.sponsor)
    stage.scene.run(people.suspend, stage.jane, "Under investigation", by=stage.ben, by_admin=True)
    page = f"/sponsor/guests/{stage.jane}"
    text = stage.client.get(page).text
    assert "An admin has suspended them" in text
    assert "ask one, such as Ben ben@host.example, who suspended them" in said(stage.client, page)
    assert "/resume" not in text
    token = token_of(stage.client, page)
    answer = stage.client.post(f"{page}/resume", data={"csrf_token": token})
    assert answer.status_code == 409
    assert "An admin has suspended this person: ask an admin to lift it" in answer.text
    assert stage.scene.row(stage.jane).hold


def test_a_removal_is_no_way_around_an_admins_hold(stage: Stage):
    """Neither page offers to let them back; asked all the same, it is refused until lifted."""
    stage.approve(stage.jane, stage.acme.sponsor)
    run = stage.scene.run
    run(people.suspend, stage.jane, "Under investigation", by=stage.ben, by_admin=True)
    page = f"/sponsor/guests/{stage.jane}"
    token = token_of(stage.client, page)
    run(people.remove, stage.jane, "Left the company", by=stage.ben)
    stage.scene.knock(stage.acme, stage.scene.identity(stage.acme))
    for path in (page, "/sponsor/removed"):
        text = stage.client.get(path).text
        assert "An admin has to lift the suspension first" in text
        assert "/let-back" not in text
    answer = stage.client.post(f"{page}/let-back", data={"csrf_token": token})
    assert answer.status_code == 409
    assert "An admin has suspended this person: ask an admin to lift it" in answer.text
    run(people.resume, stage.jane, by=stage.ben, by_admin=True)
    for path in (page, "/sponsor/removed"):
        assert "/let-back" in stage.client.get(path).text
    assert stage.client.submit(page, to="/let-back").status_code == 303
    assert stage.scene.row(stage.jane).state == State.PENDING


def test_whom_time_removes_under_a_hold_stays_out(stage: Stage, policy_clock):
    """The page says what settling will, before any sweep has come by."""
    stage.approve(stage.jane, stage.acme.sponsor)
    page = f"/sponsor/guests/{stage.jane}"
    for by_admin in (False, True):
        stage.scene.run(people.suspend, stage.jane, "Lost", by=stage.ben, by_admin=by_admin)
        stage.scene.at(policy_clock.forward(days=31))
        text = stage.client.get(page).text
        assert "Nothing keeps them out" not in text
        assert ("/let-back" in text) != by_admin
        if not by_admin:
            stage.client.submit(page, to="/let-back")
            stage.approve(stage.jane, stage.acme.sponsor)


def test_whom_time_suspended_comes_back_on_a_word(stage: Stage, policy_clock):
    """Vouching again is a new decision that names what they may use."""
    stage.approve(stage.jane, stage.acme.sponsor, days=5)
    stage.scene.at(policy_clock.forward(days=7))
    page = f"/sponsor/guests/{stage.jane}"
    for swept in (False, True):
        if swept:
            stage.scene.sweep()
        assert "Suspended by time" in stage.client.get("/sponsor/guests").text
        assert "Vouch until" in stage.client.get(page).text
    answer = stage.client.submit(
        page, {"vouch-last_day": today_in(30), "vouch-may_use": [str(stage.wiki)]}, to="/vouch"
    )
    assert answer.status_code == 303
    assert stage.scene.access(stage.jane).allowed
    assert len(stage.scene.sponsorships(stage.jane)) == 2


def test_who_knocks_may_be_let_back(stage: Stage):
    """They wait for a decision again, with nothing of before."""
    stage.scene.run(deciding.reject, stage.request, stage.ben, "not known", by=stage.ben)
    assert "Nobody removed" in stage.client.get("/sponsor/removed").text
    stage.scene.knock(stage.acme, stage.scene.identity(stage.acme))
    page = stage.client.get("/sponsor/removed")
    assert "not known" in page.text
    answer = stage.client.submit("/sponsor/removed", to="/let-back")
    assert answer.status_code == 303
    assert answer.location == stage.page
    row = stage.scene.row(stage.jane)
    assert (row.state, row.tombstone) == (State.PENDING, False)
    token = token_of(stage.client, stage.page)
    again = stage.client.post(f"/sponsor/guests/{stage.jane}/let-back", data={"csrf_token": token})
    assert again.status_code == 409


def test_my_guests_and_past_decisions(stage: Stage):
    stage.approve(stage.jane, stage.acme.sponsor)
    text = stage.client.get("/sponsor/guests").text
    assert "You vouch for 1 person" in text
    assert "has access" in text
    text = stage.client.get("/sponsor/past").text
    assert "Jane Roe" in text
    assert long_date(stage.scene.sponsorship(stage.jane).last_day) in text
    assert "not decided" in stage.another(stage.ben).get("/sponsor/past").text
    assert stage.client.get("/sponsor/past?at=x&before=y").status_code == 200


def test_past_decisions_come_by_pages(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("portal.pages.sponsor.decisions.PAGE", 1)
    bob = stage.scene.guest(stage.acme, "bob", name="Bob")
    stage.approve(stage.jane, stage.acme.sponsor)
    stage.scene.later(seconds=1)
    stage.approve(bob, stage.acme.sponsor)
    first = stage.client.get("/sponsor/past").text
    assert ("Bob" in first, "Jane Roe" in first) == (True, False)
    link = first.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    second = stage.client.get(link.replace("&amp;", "&")).text
    assert ("Bob" in second, "Jane Roe" in second) == (False, True)


def test_a_lapsed_request_says_so(stage: Stage, policy_clock):
    """Time was quicker, sweep or no sweep: the page says when and why; deciding answers 409."""
    token = token_of(stage.client, stage.page)
    stage.scene.at(policy_clock.forward(days=15))
    for swept in (False, True):
        if swept:
            stage.scene.sweep()
        answer = stage.client.get(stage.page)
        assert answer.status_code == 200
        assert "Nothing is left to decide" in answer.text
    form = {"approve-last_day": today_in(10), "csrf_token": token}
    answer = stage.client.post(f"{stage.page}/approve", data=form)
    assert answer.status_code == 409


def test_no_mail_is_promised_that_nobody_sends(stage: Stage):
    """A stay that ends before its first review ends without being asked about."""
    stage.approve(stage.jane, stage.acme.sponsor, days=30)
    assert stage.scene.sponsorship(stage.jane).review_ask_at is None
    text = stage.client.get("/sponsor/guests").text
    assert "before anything ends" not in text
    assert "A mail asks you when a review is due" in text


def test_everybody_sees_a_hold(stage: Stage):
    """Approving somebody at once who is held does not lift the hold, and the page says so."""
    bolt = stage.scene.partner("bolt", approval="at-once", sponsors=[stage.acme.sponsor])
    eve = stage.scene.guest(bolt, "eve", name="Eve")
    stage.scene.run(people.suspend, eve, "seen elsewhere", by=stage.acme.sponsor)
    page = f"{DECISIONS}/{stage.scene.sponsorship(eve).id}"
    assert "Approving does not lift that" in stage.client.get(page).text
    assert stage.client.submit(page, to="/approve").status_code == 303
    assert stage.scene.row(eve).hold
    told = stage.client.get("/sponsor/decisions").text
    assert "They stay suspended until that is lifted, and are told then." in told
    assert "A mail tells them." not in told
