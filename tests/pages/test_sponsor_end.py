"""What *End* says before it is pressed, and after: the rule that decides says it."""

import re

import pytest
from sqlalchemy import update

from portal.guests.rules import State
from portal.lifecycle.changes import change_contract, suspend_organisation
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.changes.requesting import vouch
from portal.sponsorship.models import Grant
from tests.infra.client import PortalClient
from tests.pages.sessions import as_guest
from tests.pages.stage import Stage, hidden, said, token_of

STAYS = "they stay a guest under another sponsorship"
OUT = "is out at once and told"


@pytest.fixture
def two(stage: Stage) -> Stage:
    """Jane is in on Sam's word for ninety days, and on Ben's for twenty."""
    stage.scene.policy(stage.acme, inactivity_days=400)
    stage.approve(stage.jane, stage.acme.sponsor)
    day = stage.scene.day(20)
    stage.scene.run(vouch, stage.jane, stage.ben, day, (), by=stage.ben)
    return stage


def own(stage: Stage):
    """Sam's own sponsorship of Jane."""
    rows = stage.scene.sponsorships(stage.jane)
    return next(row for row in rows if row.sponsor_id == stage.acme.sponsor)


def page_of(stage: Stage) -> str:
    return f"/sponsor/guests/{stage.jane}"


@pytest.mark.parametrize("swept", [True, False])
def test_i11_end_says_who_carries_on_whether_or_not_a_sweep_ran(
    two: Stage, policy_clock, *, swept: bool
):
    """Whose word is over by now carries nobody, be it written down yet or not."""
    text = said(two.client, page_of(two))
    assert STAYS in text
    assert OUT not in text
    two.scene.at(policy_clock.forward(days=30))
    if swept:
        two.scene.sweep()
    text = said(two.client, page_of(two))
    assert STAYS not in text
    assert OUT in text
    answer = two.client.submit(page_of(two), {"end-reason": "Over"}, to="/end")
    assert answer.status_code == 303
    assert two.scene.row(two.jane).state == State.REMOVED
    assert "is out, and told. They can come back only if a sponsor lets them" in said(
        two.client, page_of(two)
    )


@pytest.mark.parametrize("why", ["held", "organisation suspended", "in"])
def test_who_stays_a_guest_is_not_called_out(two: Stage, why: str):
    """Also of whom nobody lets in at the moment: their sponsorship ended, and nothing else."""
    if why == "held":
        two.scene.run(people.suspend, two.jane, "Lost laptop", by=two.ben)
    if why == "organisation suspended":
        two.scene.run(suspend_organisation, two.acme.id, "An audit", by=two.ben)
    text = said(two.client, page_of(two))
    assert STAYS in text
    assert OUT not in text
    before = two.scene.row(two.jane).state
    two.client.submit(page_of(two), {"end-reason": "Over"}, to="/end")
    assert two.scene.row(two.jane).state == before
    text = said(two.client, page_of(two))
    assert "This sponsorship has ended" in text
    assert "stays a guest under another one" in text
    assert "is out, and told" not in text


def test_what_end_says_is_what_it_does(two: Stage, policy_clock):
    """Of both words, day by day, swept or not."""
    for _ in range(3):
        rows = [one for one in two.scene.sponsorships(two.jane) if one.state == "active"]
        carried = STAYS in said(two.client, page_of(two))
        others = [one for one in rows if one.id != own(two).id and one.expires_at > two.scene.now]
        assert carried is bool(others)
        two.scene.at(policy_clock.forward(days=12))
    done = two.scene.run(deciding.end, own(two).id, two.acme.sponsor, "Over", by=two.acme.sponsor)
    assert done is None
    assert two.scene.row(two.jane).state == State.REMOVED


def shorten(stage: Stage, days: int = 60) -> None:
    """Let the contract end in so many days."""
    end = {"last_day": stage.scene.day(days), "open_ended": False}
    stage.scene.run(change_contract, stage.acme.contract_id, **end, by=stage.ben)


@pytest.mark.parametrize("by_claim", [True, False])
def test_who_goes_on_is_proposed_what_they_gave(stage: Stage, *, by_claim: bool):
    """Else the guest had nothing to use once the old contract is over, by a press of one button.

    What a claim chose is left out: it follows the claim, and is proposed again as long as that
    says so.
    """
    stage.scene.policy(stage.acme, inactivity_days=400)
    shorten(stage)
    stage.approve(stage.jane, stage.acme.sponsor, days=50)
    other = stage.scene.offer(stage.acme)
    with stage.app.app_context(), stage.scene.tx() as tx:
        tx.session.execute(update(Grant).values(by_claim=by_claim))
    stage.scene.contract(stage.acme, "C-2", last_day=stage.scene.day(300))
    page = stage.client.get(page_of(stage)).text
    boxes = re.findall(r'<input[^>]*name="vouch-may_use"[^>]*>', page)
    ticked = [value for value in boxes if "checked" in value]
    assert str(other) in "".join(boxes)
    assert [str(stage.wiki) in one for one in ticked] == ([] if by_claim else [True])


def test_a_sponsor_goes_on_under_the_contract_that_follows(stage: Stage):
    """The page offers it once there is one; then the old word may be ended, or end by itself."""
    stage.scene.policy(stage.acme, inactivity_days=400)
    shorten(stage)
    stage.approve(stage.jane, stage.acme.sponsor, days=50)
    page = page_of(stage)
    assert "Go on vouching" not in said(stage.client, page)
    stage.scene.contract(stage.acme, "C-2", last_day=stage.scene.day(300))
    assert "Go on vouching under contract C-2" in said(stage.client, page)
    day = stage.scene.day(200).isoformat()
    answer = stage.client.submit(page, {"vouch-last_day": day}, to="/vouch")
    assert answer.status_code == 303
    text = said(stage.client, page)
    assert "You vouch for Jane Roe until" in text
    assert "Go on vouching" not in text
    assert STAYS in text
    assert stage.scene.sponsorship(stage.jane).last_day.isoformat() == day
    at_me = stage.app.test_client()
    assert isinstance(at_me, PortalClient)
    as_guest(stage.app, at_me, stage.jane, stage.acme.provider_id)
    mine = said(at_me, "/me")
    assert "sam-acme's word for you ends; you stay in on another one" in mine
    assert "others" not in mine
    admin = stage.another(stage.scene.staff("petra", "admin"))
    assert "Vouches for, or is asked about, 1 guest." in said(
        admin, f"/admin/staff/{stage.acme.sponsor}"
    )


def test_an_admin_reads_who_loses_access_with_a_contract_and_not_who_goes_on(stage: Stage):
    """Else a renewal looked as if it had done nothing."""
    stage.scene.policy(stage.acme, inactivity_days=400)
    shorten(stage, days=20)
    stage.approve(stage.jane, stage.acme.sponsor, days=20)
    admin = stage.another(stage.scene.staff("petra", "admin"))
    assert "1 guest loses access" in said(admin, "/admin")
    stage.scene.contract(stage.acme, "C-2", last_day=stage.scene.day(300))
    assert "1 guest loses access" in said(admin, "/admin")
    vouched = (stage.jane, stage.acme.sponsor, stage.scene.day(200), ())
    stage.scene.run(vouch, *vouched, by=stage.acme.sponsor)
    text = said(admin, "/admin")
    assert "loses access" not in text
    assert "Whoever is here under it goes on under another" in text


LATE = [
    ("keep", {}),
    ("last-day", {"extend-last_day": "2027-01-01"}),
    ("last-day", {"extend-last_day": ""}),
    ("may-use", {}),
    ("hand-over", {"hand-to": "ben"}),
    ("hand-over", {"hand-to": ""}),
    ("end", {"end-reason": "Over"}),
    ("end", {"end-reason": ""}),
]


@pytest.mark.parametrize(("to", "sent"), LATE)
def test_what_has_ended_is_no_word_that_runs(two: Stage, to: str, sent: dict[str, str]):
    """Whoever is late, or wrong besides, reads that it ended, and not "on your word until"."""
    sponsorship, page = own(two).id, page_of(two)
    seen = hidden(two.client, page, "extend-seen")
    data = {f"{name}-seen": seen for name in ("keep", "extend", "choose", "hand")}
    data |= {name: str(two.ben) if value == "ben" else value for name, value in sent.items()}
    data["csrf_token"] = token_of(two.client, page)
    two.scene.run(deciding.end, sponsorship, two.ben, "Nothing left to do", by=two.ben)
    answer = two.client.post(f"/sponsor/decisions/{sponsorship}/{to}", data=data)
    assert answer.status_code == 409
    assert "On your word until" not in answer.text
    assert "Nothing is left to decide about" in answer.text
