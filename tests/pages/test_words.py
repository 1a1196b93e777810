"""What pages say to whom: by name, to the reader as "you", and whole sentences."""

import re
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask

from portal.foundation.transaction import Tx
from portal.guests.changes import write
from portal.guests.queries import lock
from portal.sponsorship.changes import people
from portal.sponsorship.changes.requesting import vouch
from portal.trust import changes as trust
from tests import factories
from tests.infra.client import PortalClient
from tests.pages.sessions import as_guest
from tests.pages.stage import Stage, said, token_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def jane(stage: Stage) -> str:
    """The page of Jane, who is in on the word of the sponsor who reads."""
    stage.approve(stage.jane, stage.acme.sponsor)
    return f"/sponsor/guests/{stage.jane}"


def suspend_organisation(stage: Stage) -> None:
    stage.scene.run(trust.suspend, stage.acme.id, "under review", by=stage.ben)


def new_terms(stage: Stage) -> None:
    stage.scene.run(trust.publish_terms, "Be kind.", published_by="Petra", by=stage.ben)


def switch_off(stage: Stage) -> None:
    stage.scene.run(trust.disable, stage.acme.provider_id, by=stage.ben)


def move_away(stage: Stage) -> None:
    """Another company's address, which has been put up with for as long as it is."""
    aside = {"email_aside": "jane@elsewhere.example", "aside_until": stage.scene.now}

    def change(tx: Tx) -> None:
        write(tx, "guest.refreshed", lock(tx, [stage.jane])[0], aside)

    stage.scene.run(change, by=stage.ben)


def test_who_vouches_reads_of_themselves_as_you(stage: Stage, jane: str):
    """A colleague reads the name."""
    mine, theirs = said(stage.client, jane), said(stage.another(stage.ben), jane)
    assert "On your word until" in mine
    assert "Since you decided," in mine
    assert "your word ends" in mine
    assert "On the word of sam-acme until" in theirs
    assert "Since sam-acme decided," in theirs
    assert "sam-acme's word ends" in theirs


def test_somebody_held_is_suspended_by_a_colleague_and_on_nobodys_word(stage: Stage, jane: str):
    """Since when and by whom first; whose word goes on behind it."""
    stage.scene.run(people.suspend, stage.jane, "Lost badge", by=stage.ben)
    text = said(stage.client, jane)
    assert "suspended since" in text
    assert "A colleague has suspended them: Lost badge. Your word for them runs until" in text
    assert "On your word" not in text


def test_who_suspended_somebody_reads_of_themselves_as_you(stage: Stage, jane: str):
    """Everybody else does not; of an admin who took it over it is the admin's."""
    ben = stage.another(stage.ben)
    stage.scene.run(people.suspend, stage.jane, "Lost badge", by=stage.ben)
    assert "You have suspended them: Lost badge." in said(ben, jane)
    assert "A colleague has suspended them: Lost badge." in said(stage.client, jane)
    petra = stage.scene.staff("petra", "admin")
    stage.scene.run(people.suspend, stage.jane, "Under review", by=petra, by_admin=True)
    text = said(ben, jane)
    assert "An admin has suspended them: Under review." in text
    assert "to lift the suspension: ask one, such as petra petra@host.example, who" in text


def test_an_admin_who_vouches_is_led_to_where_they_lift_their_own_hold(stage: Stage, jane: str):
    """To ask an admin is nothing to say to one."""
    ben = stage.ben
    with stage.app.app_context(), factories.writing() as tx:
        factories.admin(tx, "ben@host.example")
    stage.scene.run(people.suspend, stage.jane, "Under review", by=ben, by_admin=True)
    text = stage.another(ben).get(jane).text
    assert "You have suspended them" in text
    assert f'<a href="/admin/guests/{stage.jane}">do it as one</a>' in text


def test_who_removed_somebody_is_no_colleague_of_themselves(stage: Stage, jane: str):
    """On the admin's page and on the sponsor's."""
    petra = stage.scene.staff("petra", "admin")
    stage.scene.run(people.remove, stage.jane, "Left the company", by=petra)
    for client, page in (
        (stage.another(petra), f"/admin/guests/{stage.jane}"),
        (stage.client, jane),
    ):
        text = said(client, page)
        assert "somebody here ended it" in text
        assert "a colleague" not in text


def test_who_is_told_is_said_to_who_reads(stage: Stage):
    """A sponsor who is not the one asked gets no mail, and reads of none."""
    mine, theirs = said(stage.client, stage.page), said(stage.another(stage.ben), stage.page)
    assert "and both of you are told" in mine
    assert "both of you" not in theirs
    assert "and they are told" in theirs
    assert "They are asked instead of sam-acme" in theirs


def test_who_takes_over_a_request_is_you_and_gets_no_mail(stage: Stage):
    """Of themselves they know; whoever else it is handed to is told."""
    ben = stage.another(stage.ben)
    answer = ben.submit(stage.page, {"hand-to": str(stage.ben)}, to="/hand-over")
    assert answer.status_code == 303
    assert "You are asked about Jane Roe now." in said(ben, "/sponsor")
    assert "sponsor.handed_over" not in stage.scene.mail_kinds()
    back = {"hand-to": str(stage.acme.sponsor)}
    assert ben.submit(stage.page, back, to="/hand-over").status_code == 303
    assert "sam-acme is asked about Jane Roe now, and told." in said(ben, "/sponsor")
    assert "sponsor.handed_over" in stage.scene.mail_kinds()


def test_whoever_turned_somebody_down_reads_of_themselves_as_you(stage: Stage):
    """On the decision, also when it is sent once more, and in the guest's history."""
    ben, refused = stage.another(stage.ben), {"reject-reason": "We do not know them"}
    tab = token_of(stage.client, stage.page)
    assert stage.client.submit(stage.page, refused, to="/reject").status_code == 303
    mine, theirs = said(stage.client, stage.page), said(ben, stage.page)
    assert "You turned Jane Roe down" in mine
    assert "sam-acme turned Jane Roe down" in theirs
    again = {**refused, "csrf_token": tab}
    late = stage.client.post(f"{stage.page}/reject", data=again)
    assert "What you sent now came later" in late.text
    guest = f"/sponsor/guests/{stage.jane}"
    assert "turned down by you on" in said(stage.client, guest)
    assert "turned down by sam-acme on" in said(ben, guest)


def test_a_form_that_failed_stays_where_the_guest_is(stage: Stage, jane: str):
    """Its own address lies below the decisions; the page is still the guest's."""
    for fields, to in (({"extend-last_day": ""}, "/last-day"), ({"end-reason": ""}, "/end")):
        answer = stage.client.submit(jane, fields, to=to)
        assert answer.status_code == 422
        marked = re.findall(r'href="([^"]+)" aria-current="page"', answer.text)
        assert marked == ["/sponsor/guests"], to


def test_a_danger_names_whom_it_touches(stage: Stage, jane: str):
    """The milder one first; the worst is the last thing on the page."""
    page = said(stage.client, jane)
    assert "Jane Roe loses access at once and is told" in page
    assert "Jane Roe is out at once and told" in page
    assert page.index("loses access at once") < page.index("is out at once")


def test_a_sponsor_reads_what_a_company_says_now(stage: Stage, jane: str):
    """Not only that it says something else."""
    stage.scene.at(stage.scene.now + timedelta(minutes=1))
    profile = {"department": "Finance", "phone": "+49 30 5550 101"}
    stage.scene.sign_in(stage.acme, stage.scene.identity(stage.acme, profile=profile))
    news = "Acme now states department Finance and telephone +49 30 5550 101"
    assert news in said(stage.client, jane)
    stage.scene.at(stage.scene.now + timedelta(minutes=1))
    stage.scene.sign_in(stage.acme, stage.scene.identity(stage.acme, name="Jane Doe", profile={}))
    page = said(stage.client, jane)
    assert "Acme now states the name Jane Doe" in page
    assert "Acme no longer states anything else about them" in page


def test_whoever_is_asked_reads_first_what_is_new(stage: Stage):
    """What changed since they decided decides; on a phone it stood below three other cards."""
    stage.approve(stage.jane, stage.acme.sponsor, days=200)
    jane = f"/sponsor/guests/{stage.jane}"
    order = ["What happens next", "Since you decided,", "What Acme's sign-in says"]
    page = said(stage.client, jane)
    assert page.index(order[0]) < page.index(order[2]) < page.index(order[1])
    for days in (50, 35):
        stage.scene.at(stage.scene.now + timedelta(days=days))
        stage.scene.sign_in(stage.acme, stage.scene.identity(stage.acme))
    stage.scene.sweep()
    asked = said(stage.client, jane)
    assert "Do you still vouch for Jane Roe of Acme?" in asked
    assert sorted(order, key=asked.index) == [order[1], order[0], order[2]]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (suspend_organisation, "access for people of Acme is closed at the moment"),
        (new_terms, "they have not accepted the new terms of use yet"),
        (switch_off, "the sign-in of Acme is switched off here"),
        (move_away, "Acme states an address for them that is not known here"),
    ],
)
def test_a_sponsor_reads_why_somebody_has_no_access(stage: Stage, jane: str, change, why: str):
    """Their word runs all the same."""
    assert "In until" in said(stage.client, "/sponsor/guests")
    change(stage)
    assert f"no access now: {why}. On your word until" in said(stage.client, jane)
    mine = said(stage.client, "/sponsor/guests")
    assert f"Not in at the moment: {why}. Your word runs until" in mine


def test_my_guests_promise_no_mail_that_nobody_sends(stage: Stage, jane: str):
    """Reviews are asked by mail; a last day comes unasked."""
    assert "a last day comes unasked" in said(stage.client, "/sponsor/guests")


def test_a_review_ends_one_word_where_another_carries(stage: Stage, app: Flask):
    """Access goes on then: the sponsors and the guest read whose word it is that may end."""
    stage.scene.policy(stage.acme, review_days=10, inactivity_days=365)
    stage.approve(stage.jane, stage.acme.sponsor)
    jane, decision = f"/sponsor/guests/{stage.jane}", stage.page
    at_me = app.test_client()
    assert isinstance(at_me, PortalClient)
    as_guest(app, at_me, stage.jane, stage.acme.provider_id)
    assert "suspended, if nobody has said so by then" in said(stage.client, jane)
    assert "your access ends, if nobody has said so by then" in said(at_me, "/me")
    assert "then it is suspended and" in said(stage.client, decision)
    stage.scene.policy(stage.acme, review_days=60)
    assert "and is then suspended" in said(stage.client, "/sponsor")
    last_day = stage.scene.day(80)
    stage.scene.run(vouch, stage.jane, stage.ben, last_day, [], by=stage.ben)
    words = "word ends, if nobody has said so by then; others go on"
    assert f"your {words}" in said(stage.client, jane)
    assert f"sam-acme's {words}" in said(stage.another(stage.ben), jane)
    mine = "sam-acme's word for you ends, if nobody has said so by then; you stay in on another one"
    assert mine in said(at_me, "/me")
    waits = said(stage.client, "/sponsor")
    assert "that word for them ends on" in waits
    assert "is then suspended" not in waits
    asked = said(stage.client, decision)
    assert "your word for them ends on" in asked
    assert "they stay in under another sponsorship" in asked
    assert "suspended" not in asked.split("What happens next")[0]


@pytest.mark.parametrize("page", ["/admin/organisations/new", "/admin/terms", "/admin/staff"])
def test_a_hint_of_two_sentences_ends_like_one(stage: Stage, page: str):
    """A phrase has no full stop, two sentences have two."""
    admin = stage.another(stage.scene.staff("petra", "admin"))
    for hint in hints(admin, page):
        assert hint.endswith(".") == (". " in hint), hint


def test_the_sponsors_hints_end_too(stage: Stage, jane: str):
    found = hints(stage.client, jane)
    assert "Your colleagues read it. The guest does not." in found
    assert not any(hint.endswith("..") for hint in found)


def hints(client: PortalClient, page: str) -> list[str]:
    """Return the hints of a page's fields."""
    found = re.findall(r'id="[^"]+-hint">([^<]+)</p>', client.get(page).text)
    assert found
    return [unescape(one).strip() for one in found]


def test_one_main_action_at_a_time(stage: Stage):
    """A provider is tested first: enabling stands out once there is something to enable."""
    admin = stage.another(stage.scene.staff("petra", "admin"))
    page = "/admin/organisations/acme/providers"
    new = {"name": "Second", "slug": "second", "issuer": "https://id2.acme.example"}
    missing = admin.submit(f"{page}/new", new | {"client_id": "x"})
    assert missing.status_code == 422
    assert missing.text.count("Enter the client secret<") == 2  # on top, and at the field
    made = admin.submit(f"{page}/new", new | {"client_id": "x", "client_secret": "y"})
    assert made.status_code == 303
    assert admin.get(f"{page}/second").text.count("btn-primary") == 1


def test_nobody_vouches_any_more_for_somebody_who_is_out(stage: Stage):
    """The admin's list: who was asked, whose word it is, and nobody's once that is over."""
    petra = stage.another(stage.scene.staff("Petra", "admin"))

    def vouches() -> str:
        [cell] = re.findall(r'data-label="Who vouches">(.*?)</td>', petra.get("/admin/guests").text)
        return " ".join(re.sub("<[^>]*>", "", cell).split())

    assert vouches() == "sam-acme was asked"
    stage.approve(stage.jane, stage.acme.sponsor)
    assert vouches() == "sam-acme"
    stage.scene.run(people.suspend, stage.jane, "Lost badge", by=stage.ben)
    assert vouches() == "sam-acme"  # the word runs on under the suspension
    stage.scene.run(people.remove, stage.jane, "Left the project", by=stage.ben)
    assert vouches() == "nobody"


def test_a_state_before_a_sentence_reads_as_one(stage: Stage, jane: str):
    """Read aloud, the word with the dot runs into no sentence that begins behind it."""
    admin = stage.another(stage.scene.staff("petra", "admin"))
    acme = "/admin/organisations/acme"
    assert "has access. On your word until" in said(stage.client, jane)
    assert "active. Contract" in said(admin, acme)
    suspend_organisation(stage)
    assert "suspended: under review. Nobody of it has access." in said(admin, acme)
    assert "no access now: access for people of Acme is closed" in said(stage.client, jane)
    stage.scene.run(trust.add_organisation, slug="umbra", name="Umbra", by=stage.ben)
    umbra = said(admin, "/admin/organisations/umbra")
    assert "no contract runs now, so nobody of it has access." in umbra


def test_past_decisions_say_when_and_what_became_of_each_apart(stage: Stage, jane: str):
    """The day of the decision, and the day on which it ended."""
    stage.scene.run(people.remove, stage.jane, "Left the project", by=stage.ben)
    assert re.search(
        r"On \d+ \w+ \d{4}; ended on \d+ \w+ \d{4}: ", said(stage.client, "/sponsor/past")
    )


def test_my_guests_say_by_what_they_stand_in_order(stage: Stage, jane: str):
    """Whose review is due may stand above whose last day is sooner: without an answer it ends."""
    assert "What ends first, if you do nothing, stands first." in said(
        stage.client, "/sponsor/guests"
    )
