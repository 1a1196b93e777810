"""The door over HTTP: first sign-in, later ones, and every way of being turned away."""

import re

import pytest

from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import Actor, transaction
from portal.lifecycle import changes as lifecycle
from portal.lifecycle import jobs
from portal.pages import arrival
from portal.sponsorship.changes import deciding, people
from portal.trust import changes as trust
from portal.trust.queries import enabled_providers, organisation_by_slug
from tests.flows.story import act, approve, refused, trusting
from tests.pages.sessions import as_staff


def test_a01_first_sign_in_makes_one_pending_guest(story):
    """With all rules met: one guest, one request, one mail; nothing beyond the mapped claims."""
    client = story.browser()
    answer = story.knock(client)
    assert answer.location == "/arrival"
    assert story.guest() is None, "nothing is a guest before the terms are accepted"
    page = client.get("/arrival").text
    assert "Ada Lovelace" in page
    assert "ada@acme.example" in page
    answer = client.submit("/arrival", {"terms": "y", "why": "Forecasts"})
    assert answer.location == "/me"
    # A browser takes nothing of a __Host- name that is not secure, its end neither (RFC 6265bis).
    (gone,) = [one for one in answer.headers.getlist("Set-Cookie") if "arrival" in one]
    assert gone.startswith("__Host-portal-arrival=; ")
    assert {"Secure", "Path=/", "Max-Age=0"} <= set(gone.split("; "))
    guest = story.guest()
    assert (guest.state, guest.state_reason) == ("pending", "awaiting_decision")
    assert guest.expires_at is not None
    assert [one.state for one in guest.sponsorships] == ["requested"]
    assert not guest.decision.allowed
    assert client.get("/me").status_code == 200
    events = [one.event for one in story.events(guest_id=guest.id)]
    assert events.count("guest.created") == 1
    assert events.count("sponsorship.requested") == 1


def test_a_yes_counts_for_the_terms_that_were_shown(story):
    """A newer version that nobody has read is shown first; then the yes is taken."""
    client = story.browser()
    story.knock(client)
    first = client.get("/arrival").text
    act(story, lambda tx: trust.publish_terms(tx, "Be kind.", published_by="Ada"))
    said = {**_hidden(first), "terms": "y", "why": "Forecasts"}
    assert said["version"] == "1"
    answer = client.post("/arrival", data=said)
    assert answer.status_code == 409
    assert "The terms have changed meanwhile" in answer.text
    assert "Be kind." in answer.text
    assert "Forecasts" in answer.text
    assert story.guest() is None
    assert client.submit("/arrival", {"terms": "y"}).location == "/me"
    assert story.guest().terms_version == 2


def _hidden(page):
    return dict(re.findall(r'name="(\w+)" type="hidden" value="([^"]+)"', page))


def test_a_yes_counts_for_the_person_that_was_shown(story):
    """Somebody else, or of another company, who arrives in another tab is shown first.

    Else the first tab's yes would make a guest of the second, and put what was written for one
    company before the sponsors of another.
    """
    client = story.browser()
    story.knock(client)
    said = {**_hidden(client.get("/arrival").text), "terms": "y", "why": "Forecasts"}
    story.provider.person = {
        **story.provider.person, "sub": "bob", "email": "bob@acme.example", "name": "Bob"
    }  # fmt: skip
    story.knock(client)
    answer = client.post("/arrival", data=said)
    assert answer.status_code == 409
    assert "in another tab" in answer.text
    assert "Welcome, <bdi>Bob</bdi>" in answer.text
    assert "Forecasts" not in answer.text
    assert story.guest() is None
    assert client.submit("/arrival", {"terms": "y"}).location == "/me"
    assert story.guest().name == "Bob"


def test_a_form_from_before_the_upgrade_blames_no_other_tab(story):
    """It does not say whom it showed, so the page is shown again; nobody else has come."""
    client = story.browser()
    story.knock(client)
    said = _hidden(client.get("/arrival").text)
    del said["arrival"]
    answer = client.post("/arrival", data={**said, "terms": "y"})
    assert answer.status_code == 409
    assert "another tab" not in answer.text
    assert "This page has changed meanwhile. See whether it is you, and accept then" in answer.text
    assert client.submit("/arrival", {"terms": "y"}).location == "/me"


def test_a_doubled_click_on_the_arrival_page_is_told_so(story, monkeypatch):
    """The second one finds the arrival used under the lock: no fault of ours to report."""
    let_in = arrival.let_in

    def twice(*arguments):
        let_in(*arguments)
        return let_in(*arguments)

    client = story.browser()
    story.knock(client)
    monkeypatch.setattr(arrival, "let_in", twice)
    assert client.submit("/arrival", {"terms": "y"}).status_code == 410
    assert story.events(event="sign_in.refused") == []


def test_the_terms_must_be_accepted(story):
    """Without a yes to the terms the form says so, what was typed stays, and nobody is made."""
    client = story.browser()
    story.knock(client)
    answer = client.submit("/arrival", {"why": "Forecasts"})
    assert answer.status_code == 422
    assert "Accept the terms of use" in answer.text
    assert "Forecasts" in answer.text
    assert story.guest() is None


def test_an_arrival_is_used_once_and_by_its_own_browser(story):
    """Accepting twice, or from another browser, makes nobody twice."""
    client = story.browser()
    story.arrive(client)
    assert client.get("/arrival").status_code == 410
    assert story.browser().get("/arrival").status_code == 410


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_w02_the_arrivals_cookie(story):
    """It lets somebody in as the person who has proved who they are: kept as a session's is."""
    (cookie,) = (
        one
        for one in story.knock(story.browser()).headers.getlist("Set-Cookie")
        if "portal-arrival" in one
    )
    assert cookie.startswith("__Host-portal-arrival=")
    flags = {part.strip() for part in cookie.split(";")[1:]}
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=1800"} <= flags
    assert "Domain" not in cookie


def test_w04_signing_out_ends_what_waits_on_the_arrival_page(story):
    """Whoever has the browser next reads nothing of the first, and comes in as nobody else."""
    client, thief = story.browser(), story.browser()
    assert story.knock(client).location == "/arrival"
    cookie = next(one for one in client._cookies.values() if one.key.endswith("portal-arrival"))
    thief.set_cookie(cookie.key, cookie.value, domain=cookie.domain, secure=cookie.secure)
    story.provider.person = {**story.provider.person, "sub": "bob", "email": "bob@acme.example"}
    story.arrive(story.browser())
    assert story.knock(client).location == "/me"
    assert thief.get("/arrival").status_code == 200
    answer = client.submit("/me", to="/sign-out")
    assert any("portal-arrival=;" in one for one in answer.headers.getlist("Set-Cookie"))
    assert client.get("/arrival").status_code == 410
    assert thief.get("/arrival").status_code == 410


def test_a21_a_later_sign_in_refreshes_the_profile(story):
    """Name and address follow the provider; state, end and sponsor do not (A21)."""
    story.arrive(story.browser())
    approve(story)
    before = story.guest()
    story.provider.person = {
        **story.provider.person,
        "name": "Ada King",
        "email": "ada.king@acme.example",
        "expires_at": "2099-01-01",
        "state": "removed",
        "is_sponsor": True,
    }
    answer = story.knock(story.browser())
    assert answer.location == "/me"
    after = story.guest()
    assert (after.name, after.email) == ("Ada King", "ada.king@acme.example")
    assert (after.id, after.state, after.expires_at) == (before.id, "active", before.expires_at)


def test_a02_an_address_of_another_guest_is_a_conflict(story):
    """Another subject with the address of a guest is refused, reported, and never linked."""
    story.arrive(story.browser())
    story.provider.person = {**story.provider.person, "sub": "somebody-else"}
    refused(story, story.knock(story.browser()), "adm.email_conflict")
    assert story.guest("somebody-else") is None


def test_a05_the_hosts_own_domain_is_refused(story):
    """A partner that asserts an address of the host's is refused, with an alert."""
    story.provider.person = {**story.provider.person, "email": "boss@host.example"}
    refused(story, story.knock(story.browser()), "adm.host_domain")


@pytest.mark.parametrize("said", [False, None, "false", "true", 1])
def test_a08_an_unverified_address_is_refused(story, said):
    """Only JSON's true verifies an address."""
    person = {**story.provider.person, "email_verified": said}
    if said is None:
        del person["email_verified"]
    story.provider.person = person
    refused(story, story.knock(story.browser()), "adm.email_unverified")


def test_trusted_addresses_need_no_verification(app, provider):
    """Where an admin trusts the provider's addresses, they count within the domains."""
    story = trusting(app, provider, addresses="trusted")
    provider.person = {k: v for k, v in provider.person.items() if k != "email_verified"}
    assert story.knock(story.browser()).location == "/arrival"


@pytest.mark.parametrize(
    "email",
    ["a@acme.com.evil.org", "a@evilacme.example", "a@acme.co", "acme.example@evil.org"],
)
def test_a10_domains_are_compared_exactly(story, email):
    """No suffix, prefix or sub-domain counts."""
    story.provider.person = {**story.provider.person, "email": email}
    answer = story.knock(story.browser())
    refused(story, answer, "adm.domain")
    assert re.search(r'btn-primary" href="[^"]+account=other"', answer.text), "that is what helps"


def test_a12_privileged_claims_are_ignored_and_noted(story):
    """No claim makes staff, and what was tried is in the log."""
    story.provider.person = {
        **story.provider.person,
        "roles": ["admin"],
        "userType": "Member",
        "is_sponsor": True,
    }
    client = story.browser()
    story.arrive(client)
    assert client.get("/admin").status_code == 403
    (event,) = story.events(event="sign_in.attribute_ignored")
    assert event.reason == "attr.ignored"
    assert set(event.data["claims"]) == {"roles", "userType", "is_sponsor"}


def test_a14_a_suspended_partner_is_refused(story):
    """Suspended at the door, and inside at once."""
    client = story.browser()
    story.arrive(client)
    approve(story)
    acme = story.guest().organisation_id
    act(story, lambda tx: lifecycle.suspend_organisation(tx, acme, "audit"))
    assert not story.guest().decision.allowed
    refused(story, story.knock(story.browser()), "adm.partner_state")


def test_a14_an_ended_contract_and_a_missing_sponsor_refuse(story):
    """Nobody arrives without a running contract, or with nobody to vouch."""
    with story.app.app_context():
        acme = organisation_by_slug(db.session(), "acme").id
        db.session.remove()
    act(story, lambda tx: lifecycle.end_organisation(tx, acme, None))
    refused(story, story.knock(story.browser()), "adm.partner_state")


def test_a17_a_removed_guest_does_not_slip_back_in(story):
    """Removed a minute ago: refused, the sponsor told, not made again."""
    story.arrive(story.browser())
    approve(story)
    guest = story.guest()
    act(story, lambda tx: people.remove(tx, guest.id, "left the project"))
    refused(story, story.knock(story.browser()), "adm.tombstone")
    assert story.guest().state == "removed"


def test_who_was_turned_down_reads_no_word_of_access_they_never_had(story):
    """A request that a sponsor declined: the page says that, not that access has ended."""
    story.arrive(story.browser())
    asked = story.guest().leading
    act(story, lambda tx: deciding.reject(tx, asked.id, story.sponsor_id, "Not known here"))
    answer = story.knock(story.browser())
    refused(story, answer, "adm.tombstone")
    assert "Your request was declined" in answer.text
    assert "Try again" not in answer.text  # it would not help; another account may
    assert "Use another account" in answer.text
    assert "no longer have access" not in answer.text
    assert "Not known here" not in answer.text


@pytest.mark.parametrize("approval", ["first", "at-once"])
def test_who_comes_again_is_told_that_a_record_is_here_and_who_decides(
    app, provider, policy_clock, approval
):
    """Removed by time: nobody is promised that nothing is kept, or access before a decision."""
    story = trusting(app, provider, policy={"approval": approval})
    client = story.browser()
    story.knock(client)
    page = client.get("/arrival").text
    assert "This is the first time" in page
    assert ("restricted access at once" in page) == (approval == "at-once")
    client.submit("/arrival", {"terms": "y"})
    policy_clock.forward(days=120)
    again = story.browser()
    story.knock(again)
    page = again.get("/arrival").text
    assert "You were here before" in page
    assert "first time" not in page
    assert "nothing remains" not in page
    assert "restricted access" not in page
    assert "Accept and ask for access" in page
    again.submit("/arrival", {"terms": "y"})
    assert story.guest().state == "pending"


def test_a19_above_the_hourly_cap_the_door_says_later(app, provider):
    """The cap slides, and whoever is in already is not touched."""
    story = trusting(app, provider, policy={"most_new_per_hour": 2})
    first = dict(provider.person)
    for number in range(2):
        provider.person = {
            **first,
            "sub": f"person-{number}",
            "email": f"p{number}@acme.example",
        }
        story.arrive(story.browser())
    provider.person = {**first, "sub": "person-3", "email": "p3@acme.example"}
    refused(story, story.knock(story.browser()), "adm.later")
    provider.person = {**first, "sub": "person-0", "email": "p0@acme.example"}
    assert story.knock(story.browser()).location == "/me"


def test_a23_a_silent_guest_is_suspended_and_refused(story, policy_clock):
    """Sixty days of silence: suspended once, refused at the door until a sponsor approves."""
    story.arrive(story.browser())
    approve(story)
    policy_clock.forward(days=61)
    refused(story, story.knock(story.browser()), "adm.inactive")
    with story.app.app_context():
        jobs.run(clock.policy_now())
        db.session.remove()
    guest = story.guest()
    assert (guest.state, guest.state_reason) == ("suspended", "inactive")
    refused(story, story.knock(story.browser()), "adm.inactive")


def test_a_provider_that_is_down_says_whose_side_it_is(story):
    """A page that names the company's side, what to do, and the number that finds the event."""
    client = story.browser()
    back = story.depart(client)
    story.provider.close()
    answer = client.get(back)
    assert answer.status_code == 502
    assert "could not be reached" in answer.text
    refused(story, answer, "net.unreachable")


def test_a_provider_disabled_while_it_is_spoken_with_lets_nobody_in(story, monkeypatch):
    """The conversation takes seconds; what an admin does meanwhile counts."""
    from portal.pages import sign_in as page

    with story.app.app_context():
        acme = organisation_by_slug(db.session(), "acme").id
        provider_id = enabled_providers(db.session(), acme)[0].id
        db.session.remove()
    honest = page.come_back

    def slow(connection, kept):
        result = honest(connection, kept)
        with transaction(actor=Actor.shell("tests"), now=clock.policy_now()) as tx:
            trust.disable(tx, provider_id)
        return result

    client = story.browser()
    back = story.depart(client)
    monkeypatch.setattr(page, "come_back", slow)
    refused(story, client.get(back), "adm.idp_disabled")


def test_strength_is_asked_for_checked_and_may_be_attested(app, provider):
    """A weak sign-in is refused; an admin's dated word stands in for a silent provider."""
    story = trusting(app, provider, policy={"accepted_amr": ["mfa"]})
    refused(story, story.knock(story.browser()), "oidc.assurance")
    provider.person = {**provider.person, "amr": ["pwd", "mfa"]}
    assert story.knock(story.browser()).location == "/arrival"
    del provider.person["amr"]
    admin = story.browser()
    as_staff(app, admin, story.admin_id)
    page = "/admin/organisations/acme/providers/id"
    yes = "I attest that it is enforced"
    assert admin.submit(page, to="/strength", button=yes).status_code == 303
    assert "attested" in admin.get(page).text
    assert story.knock(story.browser()).location == "/arrival"
    admin.submit(page, to="/strength", button="Check it again")
    refused(story, story.knock(story.browser()), "oidc.assurance")
