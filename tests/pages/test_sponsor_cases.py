"""Cases of part 5 over HTTP: oneself, the mail's link, and limits."""

from datetime import timedelta
from typing import Any

import pytest

from portal.delivery.changes import Claimed
from portal.delivery.mail import compose
from portal.foundation import clock
from portal.guests.changes import write
from portal.guests.queries import lock
from portal.guests.rules import Reason, State
from portal.lifecycle import changes as lifecycle
from portal.sponsorship.changes import deciding, people
from tests.infra.client import PortalClient
from tests.infra.mailbox import text_of
from tests.infra.ports import wait_until
from tests.pages.sessions import as_guest
from tests.pages.stage import DECISIONS, FORM, POSTS, Stage, paths, today_in, token_of
from tests.racing import beside, somebody_waits

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def become(stage: Stage, **columns: str) -> None:
    """Give Jane the address that a sponsor has: she was hired, or her company was bought."""

    def change(tx):
        write(tx, "guest.refreshed", lock(tx, [stage.jane])[0], columns)

    stage.scene.run(change, by=stage.ben)


@SQLITE
@pytest.mark.parametrize("column", ["email", "email_aside"])
def test_i07_nobody_vouches_for_themselves(stage: Stage, column: str):
    """A sponsor who is the guest finds nothing to decide; a colleague does."""
    become(stage, **{column: "ben@host.example"})
    ben = stage.another(stage.ben)
    token = token_of(ben, "/sponsor")
    before = stage.scene.row(stage.jane)
    assert ben.get(stage.page).status_code == 404
    for path in paths(stage, POSTS):
        assert ben.post(path, data={**FORM, "csrf_token": token}).status_code == 404, path
    assert stage.scene.row(stage.jane) == before
    refused = stage.scene.events("access.refused")
    assert len(refused) == 1 + len(POSTS)
    assert {(one.reason, one.actor) for one in refused} == {("sponsor.self", f"staff:{stage.ben}")}
    day = {"approve-last_day": today_in(30)}
    # Nor can it be handed over to them, before or after.
    assert "(deputy)" not in stage.client.get(stage.page).text
    assert stage.client.submit(stage.page, day, to="/approve").status_code == 303
    assert "(deputy)" not in stage.client.get(f"/sponsor/guests/{stage.jane}").text


AT_ONCE: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "last-day": (
        "change_last_day",
        {"extend-last_day": today_in(40)},
        {"extend-last_day": today_in(30)},
    ),
    "keep": ("keep", {}, {}),
    "may-use": ("choose", {"choose-may_use": ""}, {}),
    "hand-over": ("hand_over", {}, {}),
}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("path", AT_ONCE)
def test_i08_of_two_forms_about_one_guest_at_the_same_moment_one_is_stale(
    stage: Stage, path: str, policy_clock, monkeypatch
):
    """The second waits for the first, and only then is held against what stands."""
    stage.scene.policy(stage.acme, inactivity_days=400, review_days=30)
    stage.approve(stage.jane, stage.acme.sponsor, days=60)
    stage.scene.at(policy_clock.forward(days=20))  # the review is asked
    name, theirs, mine = AT_ONCE[path]
    if path == "hand-over":
        theirs = mine = {"hand-to": str(stage.ben)}
    page, colleague, answers = f"/sponsor/guests/{stage.jane}", stage.another(stage.ben), []
    change = getattr(deciding, name)

    def second() -> None:
        answers.append(colleague.submit(page, mine, to=f"/{path}").status_code)

    with stage.app.app_context():
        other, faults = beside(second)

    def written(*arguments: Any) -> object:
        done = change(*arguments)
        if not other.ident:
            other.start()
            wait_until(somebody_waits, "the colleague waits")
        return done

    monkeypatch.setattr(deciding, name, written)
    answers.append(stage.client.submit(page, theirs, to=f"/{path}").status_code)
    other.join(20)
    assert (faults, sorted(answers)) == ([], [303, 409])


@SQLITE
@pytest.mark.parametrize("column", ["email", "email_aside"])
def test_i07_no_admin_lifts_their_own_suspension(stage: Stage, column: str):
    """An admin who is the guest asks another one; it is written down who tried."""
    stage.approve(stage.jane, stage.acme.sponsor)
    eve, ada = (stage.scene.staff(name, role="admin") for name in ("eve", "ada"))
    become(stage, **{column: "eve@host.example"})
    stage.scene.run(people.suspend, stage.jane, "Left", by_admin=True, by=ada)
    page = f"/admin/guests/{stage.jane}"
    answer = stage.another(eve).submit(page, to="/resume")
    assert answer.status_code == 422
    assert "Ask another admin" in answer.text
    assert stage.scene.row(stage.jane).hold
    (refused,) = stage.scene.events("access.refused")
    assert (refused.reason, refused.actor) == ("sponsor.self", f"staff:{eve}")
    assert stage.another(ada).submit(page, to="/resume").status_code == 303
    assert not stage.scene.row(stage.jane).hold


@SQLITE
def test_a03_a_sponsor_sees_that_an_address_is_from_elsewhere(stage: Stage):
    """Since they decided, the company says something else: the page does not say that it is so."""
    stage.approve(stage.jane, stage.acme.sponsor)
    page = f"/sponsor/guests/{stage.jane}"
    same, other = "says the same", "now states an address outside the known domains"
    assert same in stage.client.get(page).text
    stage.scene.later(minutes=5)
    foreign = stage.scene.identity(stage.acme, email="jane@elsewhere.example")
    stage.scene.sign_in(stage.acme, foreign)
    text = stage.client.get(page).text
    assert same not in text
    assert text.count(other) == 1


def link_in_mail(stage: Stage) -> str:
    """The path that the mail about Jane's request leads to."""
    (row,) = stage.scene.mails("sponsor.request")
    with stage.app.app_context():
        told = Claimed(row.id, row.kind, row.to, row.payload, row.reference, 1, row.created_at)
        text = text_of(compose(stage.app.extensions["portal"]["settings"], told))
    (link,) = [word for word in text.split() if word.startswith("https://guests.host.example/")]
    return link.removeprefix("https://guests.host.example")


@SQLITE
def test_i10_the_link_in_a_mail_decides_nothing(stage: Stage):
    """Forwarded, scanned or opened by another: sign in first, and only who may decides."""
    link = link_in_mail(stage)
    assert link == stage.page
    bolt = stage.scene.partner("bolt")
    before, mailed = stage.scene.event_names(), stage.scene.mail_kinds()

    nobody = stage.app.test_client()
    for method in ("get", "head"):
        for _ in range(5):
            answer = getattr(nobody, method)(link)
            assert answer.status_code == 303
            assert answer.location.startswith("/staff/sign-in?next=%2Fsponsor%2Fdecisions%2F")
    assert "Jane" not in nobody.get(link).text
    guest = stage.app.test_client()
    assert isinstance(guest, PortalClient)
    as_guest(stage.app, guest, stage.jane, stage.acme.provider_id)
    assert guest.get(link).status_code == 403
    stranger = stage.another(bolt.sponsor)
    answer = stranger.get(link)
    assert answer.status_code == 404
    assert "Jane" not in answer.text
    form = {**FORM, "csrf_token": token_of(stranger, "/sponsor")}
    assert stranger.post(f"{link}/approve", data=form).status_code == 404
    for right in (stage.client, stage.another(stage.ben)):
        for _ in range(5):
            assert "Approve until" in right.get(link).text
            assert right.head(link).status_code == 200

    assert stage.scene.row(stage.jane).state == State.PENDING
    assert stage.scene.mail_kinds() == mailed
    new = stage.scene.event_names()[len(before) :]
    assert new == ["access.refused"] * 3
    assert {one.reason for one in stage.scene.events("access.refused")} == {"authz"}


@SQLITE
@pytest.mark.parametrize("form", ["approve", "extend", "vouch"])
@pytest.mark.parametrize("bound", ["contract", "policy"])
def test_i13_not_past_the_contract_nor_the_longest_stay(stage: Stage, form: str, bound: str):
    """One day more than is allowed is refused, at the field and in the log; that day is taken."""
    if bound == "policy":
        stage.scene.policy(stage.acme, longest_days=40, inactivity_days=400)
        most = 40
    else:
        stage.scene.policy(stage.acme, longest_days=400, inactivity_days=400)
        _end_contract(stage, 60)
        most = 60
    page, to = stage.page, f"/{form}"
    if form != "approve":
        stage.approve(stage.jane, stage.acme.sponsor, days=20)
        page, to = f"/sponsor/guests/{stage.jane}", "/last-day" if form == "extend" else "/vouch"
    client = stage.another(stage.ben) if form == "vouch" else stage.client
    field = f"{form}-last_day"
    last = stage.scene.day(most)
    answer = client.submit(page, {field: (last + timedelta(days=1)).isoformat()}, to=to)
    assert answer.status_code == 422
    assert "or earlier" in answer.text
    (event,) = stage.scene.events("access.refused")
    assert event.reason == "sponsor.limit"
    assert event.reference
    assert client.submit(page, {field: last.isoformat()}, to=to).status_code == 303
    assert stage.scene.sponsorship(stage.jane).last_day == last


def _end_contract(stage: Stage, days: int) -> None:
    def change(tx):
        last_day = stage.scene.day(days)
        lifecycle.change_contract(tx, stage.acme.contract_id, last_day=last_day, open_ended=False)

    stage.scene.run(change, by=stage.ben)


def test_i13_a_review_that_nobody_answers(stage: Stage, policy_clock):
    """Asked once, suspended on the second the grace ends, whether or not a sweep has run."""
    stage.scene.policy(stage.acme, inactivity_days=900, review_days=30, grace_days=5)
    stage.approve(stage.jane, stage.acme.sponsor, days=200)
    row = stage.scene.sponsorship(stage.jane)
    ask, end = row.review_ask_at, row.review_ends_at
    for when in (ask - timedelta(seconds=1), ask, ask + timedelta(days=1), row.review_due_at):
        stage.scene.at(policy_clock.at(when))
        stage.scene.sweep()
        stage.scene.sweep()
        assert len(stage.scene.mails("sponsor.review")) == (0 if when < ask else 1)
    stage.scene.at(policy_clock.at(end - timedelta(seconds=1)))
    stage.scene.sweep()
    assert stage.scene.access(stage.jane).allowed
    stage.scene.at(policy_clock.at(end))
    assert not stage.scene.access(stage.jane).allowed
    stage.scene.at(policy_clock.at(end + timedelta(hours=7)))
    for _ in range(2):
        stage.scene.sweep()
    guest = stage.scene.row(stage.jane)
    assert (guest.state, guest.state_reason) == (State.SUSPENDED, Reason.REVIEW_MISSED)
    assert guest.state_since == end
    assert len(stage.scene.mails("sponsor.guest_suspended")) == 1
    assert stage.scene.event_names(stage.jane).count("sponsorship.review_asked") == 1
    assert stage.client.get(f"{DECISIONS}/{row.id}").status_code == 200
    assert clock.policy_now() > end
