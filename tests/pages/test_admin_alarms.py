"""What an admin is told without having asked: jobs, mail and the queue, and who was refused."""

import re
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from rq.serializers import JSONSerializer
from sqlalchemy import update

from portal.admission.rules import Refusal
from portal.audit.changes import record
from portal.audit.rules import Event
from portal.delivery.models import Outbox
from portal.foundation.current import house
from portal.foundation.db import db
from portal.foundation.queues import ForeignJob, PortalJob, connect
from portal.foundation.settings import Settings
from portal.lifecycle import changes as lifecycle
from portal.lifecycle.jobs import sweep
from portal.sign_in.rules import SignInReason
from portal.sponsorship.changes import people
from portal.trust import changes as trust
from portal.trust.queries import organisation_by_slug
from tests import factories
from tests.infra.client import PortalClient
from tests.pages.stage import Stage, said


@pytest.mark.parametrize("seconds", [60, 600, 3600])
def test_the_jobs_stand_still_when_sweeps_are_missing(app, admin, policy_clock, seconds: int):
    """After ten minutes, or three sweeps where they are set to come more seldom."""
    still, late = "The jobs stand still", max(600, 3 * seconds)
    house(app)["settings"] = house(app)["settings"].model_copy(update={"sweep_seconds": seconds})
    assert still in admin.get("/admin").text
    with app.app_context():
        sweep()
    for past, told in ((0, False), (late - 60, False), (120, True)):
        policy_clock.forward(seconds=past)
        text = admin.get("/admin").text
        assert (still in text, f"No sweep for {late // 60} minutes" in text) == (told, told)


def test_why_sign_ins_were_refused_is_said_in_words(app: Flask):
    """On the overview, at the steps, and after a trial: every code that the door knows."""
    words = app.jinja_env.get_template("admin/_words.html").make_module({}).REFUSED
    assert {str(one) for one in (*Refusal, *SignInReason)} == set(words)


def _swept(stage: Stage) -> None:
    """Let the jobs run, so that they are no alarm."""
    with stage.app.app_context():
        sweep()
        db.session.remove()


def test_the_overview_says_in_words_why_sign_ins_were_refused(stage: Stage):
    """The code stays beside them, to be searched for."""
    _swept(stage)
    elsewhere = stage.scene.identity(stage.acme, "eve", email="eve@elsewhere.example")
    stage.scene.knock(stage.acme, elsewhere)
    text = said(stage.another(stage.scene.staff("petra", "admin")), "/admin")
    assert "One thing wants you" in text
    assert "Acme: 1 sign-in refused since yesterday" in text
    assert "The address is not in a domain of the organisation. adm.domain" in text
    assert "as it should be" not in text


def test_a_refusal_that_is_meant_is_no_alarm(stage: Stage):
    """Whoever was removed is turned away: that wants nobody, and is counted beside the guests."""
    _swept(stage)
    petra = stage.scene.staff("petra", "admin")
    stage.scene.run(people.remove, stage.jane, "Left the company", by=stage.ben)
    stage.scene.knock(stage.acme, stage.scene.identity(stage.acme))
    text = said(stage.another(petra), "/admin")
    assert "Nothing wants you" in text
    assert "1 sign-in was refused since yesterday as it should be" in text
    stage.scene.run(lifecycle.suspend_organisation, stage.acme.id, "Under review", by=petra)
    stage.scene.knock(stage.acme, stage.scene.identity(stage.acme, "john"))
    text = said(stage.another(petra), "/admin")
    assert "Nothing wants you" in text
    assert "2 sign-ins were refused since yesterday as they should be" in text
    assert "or whose organisation or identity provider is closed" in text


def test_an_organisation_whose_time_is_over_needs_no_sponsor(stage: Stage, policy_clock):
    """One that is still being set up does; one whose contract begins later, too."""
    petra = stage.scene.staff("petra", "admin")
    for slug in ("umbra", "later"):
        stage.scene.run(trust.add_organisation, by=petra, slug=slug, name=slug, unlisted=True)
    with stage.app.app_context():
        later = organisation_by_slug(db.session(), "later")
        db.session.remove()
    begins = (stage.scene.now + timedelta(days=9)).date()
    stage.scene.run(
        trust.add_contract, later.id, by=petra, reference="L-1", first_day=begins, last_day=None,
        open_ended=True, time_zone="Europe/Berlin",
    )  # fmt: skip
    admin = stage.another(petra)
    nobody = "nobody can vouch"
    for one in (stage.acme.sponsor, stage.ben):
        with stage.app.app_context(), factories.writing(stage.scene.now) as tx:
            lifecycle.let_go(tx, one)
    text = said(admin, "/admin")
    assert [f"{one}: {nobody}" in text for one in ("Acme", "umbra", "later")] == [True] * 3
    stage.scene.run(lifecycle.end_organisation, stage.acme.id, None, by=petra)
    policy_clock.forward(seconds=1)
    text = said(admin, "/admin")
    assert [f"{one}: {nobody}" in text for one in ("Acme", "umbra", "later")] == [False, True, True]


def test_an_organisation_says_how_its_sign_ins_go(stage: Stage):
    """The numbers by weeks, and the same as bars: the longest is the largest number."""
    admin = stage.another(stage.scene.staff("petra", "admin"))
    page = "/admin/organisations/acme"
    assert "Nobody of it has tried to sign in for four weeks" in said(admin, page)
    stage.scene.run(people.remove, stage.jane, "Left the company", by=stage.ben)
    for _ in range(3):
        stage.scene.knock(stage.acme, stage.scene.identity(stage.acme))
    data = {"identity_provider": "id", "strength": ""}
    let_in = Event("sign_in.succeeded", organisation_id=stage.acme.id, data=data)
    stage.scene.run(record, [let_in] * 8, by=stage.ben)
    *_, row = re.findall(r"<tr>(.*?)</tr>", admin.get(page).text, re.DOTALL)
    assert "This week" in row
    assert re.findall(r'measured">(\d+)<', row) == ["8", "3"]
    assert re.findall(r'rect width="([\d.]+)"', row) == ["100.0", "37.5"]


def test_jobs_that_stand_still_do_not_run(admin: PortalClient, app: Flask, policy_clock):
    """Health and overview say the same of a sweep that was long ago."""
    with app.app_context():
        sweep()
        db.session.remove()
    assert "The jobs run" in said(admin, "/admin/health")
    policy_clock.forward(hours=3)
    health = said(admin, "/admin/health")
    assert "The jobs run" not in health
    assert "The last sweep was 3 hours ago: see that portal worker" in health
    assert "The jobs stand still" in said(admin, "/admin")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_foreign_jobs_are_told(admin: PortalClient, settings: Settings):
    """Whoever can write to Redis is somebody to look for."""
    assert "Somebody else" not in said(admin, "/admin/health")
    job = PortalJob.create("os.getcwd", connection=connect(settings), serializer=JSONSerializer)
    job.save()
    with pytest.raises(ForeignJob):
        _ = PortalJob.fetch(job.id, job.connection, serializer=JSONSerializer).func_name
    health = said(admin, "/admin/health")
    assert "A job that is none of the portal's was refused 1 time." in health
    assert "The jobs run" not in health


def test_mail_that_does_not_go_out_is_an_alarm(stage: Stage, policy_clock):
    """A mail server that cannot be reached is seen long before a mail is given up."""
    admin = stage.another(stage.scene.staff("petra", "admin"))
    assert "No mail goes out" not in said(admin, "/admin")
    policy_clock.forward(hours=1, seconds=60)
    assert "No mail goes out" in said(admin, "/admin")
    assert "can the mail server be reached?" in said(admin, "/admin/health")


def test_a_mail_that_reaches_nobody_is_given_up(stage: Stage):
    """An admin's decision, in the log under their name; then the alarm is over."""
    petra = stage.another(stage.scene.staff("petra", "admin"))
    letter = stage.scene.mails()[0]

    def die(tx) -> None:
        tx.session.execute(update(Outbox).where(Outbox.id == letter.id).values(state="dead"))

    stage.scene.run(die, by=stage.ben)
    assert "1 mail given up" in said(petra, "/admin/health")
    assert "send again, or decide that it is not sent" in said(petra, "/admin")
    assert petra.submit("/admin/health", to=f"{letter.id}/withdraw").status_code == 303
    text = said(petra, "/admin/health")
    assert "It is not sent any more" in text
    assert "given up" not in text
    (event,) = stage.scene.events("mail.withdrawn")
    assert (event.reason, event.data) == ("human.withdrawn", {"kind": letter.kind})
    assert event.actor.startswith("staff:")
    assert letter.id not in {mail.id for mail in stage.scene.mails()}


def test_what_was_refused_since_yesterday_is_what_is_shown(stage: Stage, policy_clock):
    """Behind both links stands what was counted, and not all that was ever refused."""
    elsewhere = stage.scene.identity(stage.acme, "eve", email="eve@elsewhere.example")
    admin = stage.another(stage.scene.staff("petra", "admin"))
    stage.scene.run(people.remove, stage.jane, "Left the company", by=stage.ben)
    for _ in range(3):
        stage.scene.at(policy_clock.forward(days=5))
        stage.scene.knock(stage.acme, elsewhere)
        stage.scene.knock(stage.acme, stage.scene.identity(stage.acme))
    text = unescape(admin.get("/admin").text)
    links = re.findall(r'<a href="(/admin/audit[^"]*sign_in.refused[^"]*)"', text)
    assert [admin.get(one).text.count('note">sign_in.refused') for one in links] == [2, 2]
