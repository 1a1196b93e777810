"""Error pages: no trace, a number that finds it, whose side it is on (case W15)."""

import pytest
from flask import abort, make_response

from portal.web import errors
from portal.web.guards import for_anyone
from tests.web.conftest import Kit, viewer


@pytest.fixture
def kit(kit: Kit) -> Kit:
    kit.app.config["PROPAGATE_EXCEPTIONS"] = False
    return kit


def test_w15_a_crash_shows_no_trace(kit: Kit, capsys):
    """The page has a number, the log has the trace under that number."""
    kit.viewer = viewer("staff", "admin")
    answer = kit.get("/broken")
    assert answer.status_code == 500
    assert "Something is wrong on our side" in answer.text
    for hint in ("Traceback", "RuntimeError", "a secret of the inside", "Ann Example", ".py"):
        assert hint not in answer.text
    reference = answer.text.partition("Reference <code>")[2].partition("<")[0]
    assert len(reference) > 8


def test_w15_an_error_page_asks_nobody_and_nothing(kit: Kit):
    """The database may be what is broken: the page of a crash does without it."""
    from portal.web.guards import init_guards

    def fail() -> None:
        raise RuntimeError("no database")

    init_guards(kit.app, fail)  # type: ignore[arg-type]
    assert kit.get("/me").status_code == 500


@pytest.mark.parametrize("status", sorted(errors.PAGES - {500}))
def test_every_status_has_its_page(kit: Kit, status):
    """In words, with a way on and a number."""

    @kit.app.get(f"/s{status}")
    @for_anyone
    def page() -> str:
        abort(status)

    answer = kit.get(f"/s{status}")
    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert "Reference <code>" in answer.text
    assert "help@host.example" in answer.text


@pytest.mark.parametrize(("status", "page"), [(418, 400), (501, 500)])
def test_other_statuses_borrow_a_page(kit: Kit, status, page):
    """Rather than werkzeug's own."""

    @kit.app.get("/odd")
    @for_anyone
    def odd() -> str:
        abort(status)

    answer = kit.get("/odd")
    assert answer.status_code == status
    assert "Reference <code>" in answer.text


def test_an_answer_made_by_hand_is_left_alone(kit: Kit):
    """``abort(response)`` is the view's own word."""

    @kit.app.get("/own")
    @for_anyone
    def own() -> str:
        abort(make_response("mine", 409))

    assert kit.get("/own").text == "mine"


def test_a_method_that_is_not_there_names_those_that_are(kit: Kit):
    """405 keeps its Allow header."""
    answer = kit.client().open("/link", method="OPTIONS", base_url=kit.settings.public_url)
    assert answer.status_code == 200
    kit.app.config["WTF_CSRF_ENABLED"] = False
    answer = kit.client().post("/link", base_url=kit.settings.public_url)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_one_number_a_request(kit: Kit):
    """The page, the audit and the log speak of one."""
    with kit.app.test_request_context("/"):
        first = errors.current_reference()
        assert errors.current_reference() == first
    with kit.app.test_request_context("/"):
        assert errors.current_reference() != first


def test_a_report_that_fails_does_not_let_anybody_in(kit: Kit):
    """The refusal stands; the fault is logged."""

    def fail(_: object) -> None:
        raise RuntimeError("audit is away")

    errors.on_refusal(kit.app, fail)
    kit.viewer = viewer("guest")
    assert kit.get("/admin").status_code == 403


def test_nobody_needs_to_listen(kit: Kit):
    """Without a callback a refusal is a refusal."""
    from portal.foundation.current import house

    house(kit.app).pop("on_refusal")
    kit.viewer = viewer("guest")
    assert kit.get("/admin").status_code == 403
