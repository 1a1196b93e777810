"""One guard on every page: who may see it, and where the others go (case W13)."""

import pytest

from portal.web import guards
from portal.web.guards import for_admin, for_guest
from tests.web.conftest import PUBLIC, Kit, viewer

HOST = {"base_url": PUBLIC}
GUEST, SPONSOR, ADMIN = viewer("guest"), viewer("staff", "sponsor"), viewer("staff", "admin")
BOTH, NOBODY = viewer("staff", "sponsor", "admin"), viewer("staff")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/me", [GUEST]),
        ("/sponsor", [SPONSOR, BOTH]),
        ("/admin", [ADMIN, BOTH]),
        ("/form", [GUEST, SPONSOR, ADMIN, BOTH, NOBODY]),
    ],
)
def test_w13_who_may_see_what(kit: Kit, path, allowed):
    """Everybody else is told no, and it is reported under the number on the page."""
    for who in (GUEST, SPONSOR, ADMIN, BOTH, NOBODY):
        kit.viewer = who
        kit.refusals.clear()
        answer = kit.get(path)
        assert answer.status_code == (200 if who in allowed else 403), who
        if who not in allowed:
            (refusal,) = kit.refusals
            assert (refusal.code, refusal.path) == ("authz", path)
            assert refusal.reference in answer.text
            assert "Ann" not in answer.text


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/me", "/sign-in?next=%2Fme"),
        ("/sponsor?x=1", "/staff/sign-in?next=%2Fsponsor%3Fx%3D1"),
        ("/admin", "/staff/sign-in?next=%2Fadmin"),
    ],
)
def test_nobody_is_sent_to_the_door_and_back(kit: Kit, path, door):
    """With the wanted page kept; that nobody is signed in yet is no refusal."""
    answer = kit.get(path)
    assert (answer.status_code, answer.location) == (303, door)
    assert kit.refusals == []


def test_a_form_whose_session_ended_leads_back_to_its_page(kit: Kit):
    """The page with the form, not the address it was sent to."""
    kit.app.config["WTF_CSRF_ENABLED"] = False
    client = kit.client()
    answer = client.post("/sponsor", headers={"Referer": f"{PUBLIC}/sponsor/requests/1"}, **HOST)
    assert answer.location == "/staff/sign-in?next=%2Fsponsor%2Frequests%2F1"
    answer = client.post("/sponsor", headers={"Referer": "https://evil.example/x"}, **HOST)
    assert answer.location == "/staff/sign-in"


def test_a_confined_session_sees_its_pages_only(kit: Kit):
    """New terms first, or where a suspended guest stands: everything else leads there."""
    kit.viewer = viewer("guest", confined_to=("form",))
    assert kit.get("/form").status_code == 200
    answer = kit.get("/me")
    assert (answer.status_code, answer.location) == (303, "/form")


def test_two_guards_are_one_too_many():
    """Which of them would count is a riddle."""
    with pytest.raises(TypeError, match="two guards"):
        for_guest(for_admin(lambda: ""))


def test_somebody_is_needed_behind_a_guard(kit: Kit):
    """``me`` is for guarded pages."""
    with kit.app.test_request_context("/form", base_url=PUBLIC):
        with pytest.raises(RuntimeError, match="no guard"):
            guards.me()
        kit.viewer = GUEST
    with kit.app.test_request_context("/form", base_url=PUBLIC):
        assert guards.me() is GUEST
        assert GUEST.get_id() == str(GUEST.id)


def test_the_viewer_is_looked_up_once_a_request(kit: Kit):
    """However often it is asked for."""
    seen = []
    guards.init_guards(kit.app, lambda: seen.append(1) or ADMIN)
    assert kit.get("/admin").status_code == 200
    assert seen == [1]
