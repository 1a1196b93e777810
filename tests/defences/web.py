"""Part 4: sessions and what every page obeys."""

from typing import Final

from tests.defences.defence import Defence

SECURITY: Final = "portal/web/security.py"
SESSION: Final = "portal/sign_in/session.py"
QUERIES: Final = "portal/sign_in/queries.py"
CHANGES: Final = "portal/sign_in/changes/sessions.py"
WEB: Final = "tests/web/test_security.py"
JOURNEY: Final = "tests/sign_in/test_journey.py"
APP: Final = "tests/test_app.py"

DEFENCES: Final = (
    Defence(
        case="W01",
        file=CHANGES,
        old="    if replacing:\n",
        new="    if False:\n",
        tests=(
            "tests/sign_in/test_changes.py::test_w01_the_session_before_ends[sqlite]",
            f"{JOURNEY}::test_w01_planted_session[sqlite]",
        ),
    ),
    Defence(
        case="W01",
        file=CHANGES,
        old="        token=random_token(),\n",
        new="        token=replacing or random_token(),\n",
        tests=(f"{JOURNEY}::test_w01_planted_session[sqlite]",),
    ),
    Defence(
        case="W01",
        file=SESSION,
        old="    flask.session.clear()  # the CSRF seed: somebody else may have known it\n",
        new="",
        tests=("tests/flows/test_inside.py::test_w01_forms_of_before_are_nobodys[sqlite]",),
    ),
    Defence(
        case="W02",
        file=SESSION,
        old='prefix = "__Host-" if settings_of(current_app).https else ""',
        new='prefix = ""',
        tests=(f"{JOURNEY}::test_w02_cookies[sqlite]",),
    ),
    Defence(
        case="W02",
        file=SECURITY,
        old="SESSION_COOKIE_HTTPONLY=True,",
        new="SESSION_COOKIE_HTTPONLY=False,",
        tests=(f"{WEB}::test_w02_cookies",),
    ),
    Defence(
        case="W02",
        file=CHANGES,
        old='            "token_hash": hash_token(started.token),',
        new='            "token_hash": started.token,',
        tests=(f"{JOURNEY}::test_w02_only_hashes_are_stored[sqlite]",),
    ),
    Defence(
        case="W04",
        file="portal/guests/changes.py",
        old='_MOVES = ("state", "state_since", "session_epoch", "expires_at", "aside_until")',
        new="_MOVES = ()",
        tests=(
            "tests/admission/test_moved.py::test_w04_a_guest_who_is_moved_is_decided_on_again[suspended-postgresql]",
        ),
    ),
    Defence(
        case="W04",
        file=QUERIES,
        old="        _SESSION.c.revoked_at.is_(None),\n",
        new="",
        tests=(
            f"{JOURNEY}::test_w04_sign_out_ends_copies[sqlite]",
            "tests/flows/test_inside.py::test_w04_signing_out_kills_a_copied_cookie[sqlite]",
        ),
    ),
    Defence(
        case="W04",
        file="portal/sign_in/session.py",
        old="    if browser_secret() is not None:",
        new="    if False:",
        tests=(f"{JOURNEY}::test_w04_signing_out_ends_what_is_open_in_another_tab[sqlite]",),
    ),
    Defence(
        case="W04",
        file="portal/pages/viewer.py",
        old="dead = {Against.REMOVED, Against.IDENTITY_PROVIDER_DISABLED}",
        new="dead = {Against.IDENTITY_PROVIDER_DISABLED}",
        tests=("tests/pages/test_guest.py::test_w04_a_removed_guest_is_nobody[sqlite-False]",),
    ),
    Defence(
        case="W04",
        file="portal/pages/viewer.py",
        old="    if decision.standing.state == State.SUSPENDED:",
        new="    if False:",
        tests=(
            "tests/flows/test_refusals.py::test_w04_every_node_knows_of_a_removal_at_once[sqlite]",
        ),
    ),
    Defence(
        case="W04",
        file="portal/pages/sign_in.py",
        old="        admission.turn_around(tx, arriving)\n",
        new="        pass\n",
        tests=(
            "tests/flows/test_door.py::test_w04_signing_out_ends_what_waits_on_the_arrival_page[sqlite]",
        ),
    ),
    Defence(
        case="W05",
        file=QUERIES,
        old='        _SESSION.c.ends_at > bindparam("at", type_=_SESSION.c.ends_at.type),\n',
        new="",
        tests=(f"{JOURNEY}::test_w05_idle_and_absolute_limits[sqlite]",),
    ),
    Defence(
        case="W05",
        file=QUERIES,
        old='        _SESSION.c.seen_at > bindparam("idle_since", type_=_SESSION.c.seen_at.type),\n',
        new="",
        tests=(f"{JOURNEY}::test_w05_idle_and_absolute_limits[sqlite]",),
    ),
    Defence(
        case="W05",
        file=QUERIES,
        old='        _SESSION.c.created_at <= bindparam("begun_by", type_=_SESSION.c.created_at.type),\n',
        new="",
        tests=(f"{JOURNEY}::test_w05_a_clock_that_was_ahead_lengthens_no_session[sqlite]",),
    ),
    Defence(
        case="W05",
        file=CHANGES,
        old="ends_at=min(filter(None, (at + new.life, new.latest_end))),",
        new="ends_at=at + new.life,",
        tests=("tests/sign_in/test_changes.py::test_w05_a_session_never_outlives_access[sqlite]",),
    ),
    Defence(
        case="W06",
        file=SECURITY,
        old="    csrf.init_app(app)\n",
        new='    app.jinja_env.globals["csrf_token"] = lambda: "x"\n',
        tests=(
            f"{WEB}::test_w06_a_form_needs_its_token",
            "tests/pages/test_sponsor_bounds.py::test_w06_no_action_without_the_token[sqlite]",
        ),
    ),
    Defence(
        case="W06",
        file="portal/pages/sponsor/running.py",
        old='@bp.post("/<uuid:sponsorship_id>/end")',
        new='@bp.route("/<uuid:sponsorship_id>/end", methods=["GET", "POST"])',
        tests=("tests/pages/test_sponsor_bounds.py::test_w06_a_get_changes_nothing[sqlite]",),
    ),
    Defence(
        case="W08",
        file=SECURITY,
        old='if text.startswith("//") or "\\\\" in text or not text.isprintable() or " " in text:',
        new="if False:",
        tests=(
            f"{WEB}::test_w08_the_way_back_leads_to_us_only",
            f"{WEB}::test_w08_no_browser_leaves",
        ),
    ),
    Defence(
        case="W08",
        file=SECURITY,
        old='or "//" in parts.path:',
        new="or False:",
        tests=(f"{WEB}::test_w08_the_way_back_leads_to_us_only",),
    ),
    Defence(
        case="W10",
        file=SECURITY,
        old="if any(self._plain(host) != self._host for host in said):",
        new="if False:",
        tests=(
            f"{WEB}::test_w10_a_foreign_host_is_turned_away",
            f"{APP}::test_w10_the_door_is_shut_to_other_names[sqlite]",
            "tests/flows/test_refusals.py::test_w10_no_way_to_a_provider_from_a_foreign_host",
        ),
    ),
    Defence(
        case="W10",
        file=SECURITY,
        old='said += environ.get("HTTP_X_FORWARDED_HOST", self._host).split(",")',
        new="said += []",
        tests=(f"{WEB}::test_w10_a_foreign_host_is_turned_away",),
    ),
    Defence(
        case="W10",
        file=SECURITY,
        old='if prefix := environ.get("SCRIPT_NAME"):',
        new='if prefix := "":',
        tests=(f"{WEB}::test_w10_a_request_gives_our_addresses_no_prefix",),
    ),
    Defence(
        case="W12",
        file=SECURITY,
        old="\"form-action 'self'; frame-ancestors 'none'; base-uri 'none'\"",
        new="\"form-action 'self'; base-uri 'none'\"",
        tests=(
            f"{WEB}::test_w12_headers_on_every_page",
            f"{APP}::test_w12_headers_on_every_route[sqlite]",
        ),
    ),
    Defence(
        case="W12",
        file=SECURITY,
        old='{**HEADERS, "Cache-Control": "no-store"}.items()',
        new="HEADERS.items()",
        tests=(
            f"{WEB}::test_w12_headers_on_every_page",
            f"{APP}::test_w12_headers_on_every_route[sqlite]",
        ),
    ),
    Defence(
        case="W12",
        file=SECURITY,
        old='"Referrer-Policy": "same-origin",',
        new='"Referrer-Policy": "no-referrer",',
        tests=(f"{WEB}::test_w12_headers_on_every_page",),
    ),
    Defence(
        case="W13",
        file="portal/web/guards.py",
        old="        if not fits(viewer):",
        new="        if False:",
        tests=(
            "tests/web/test_guards.py::test_w13_who_may_see_what",
            f"{APP}::test_w13_nobody_opens_what_is_for_others",
        ),
    ),
    Defence(
        case="W13",
        file="portal/web/guards.py",
        old="    if viewer.unconfirmed:\n",
        new="    if False:\n",
        tests=(
            "tests/pages/test_admin_unconfirmed.py::test_w13_a_role_that_nobody_confirms_changes_nothing[sqlite]",
        ),
    ),
    Defence(
        case="W13",
        file="portal/pages/sponsor/rights.py",
        old="    if guest.organisation_id not in places:\n        _require_confirmed(guest)\n        not_theirs()\n",
        new="    places = {guest.organisation_id: next(iter(places.values()))}\n",
        tests=(
            "tests/pages/test_sponsor_bounds.py::test_w13_another_organisations_people_are_nowhere[sqlite]",
        ),
    ),
    Defence(
        case="W13",
        file="portal/pages/sponsor/rights.py",
        old="    report(code)\n    abort(404)",
        new="    abort(404)",
        tests=(
            "tests/pages/test_sponsor_bounds.py::test_w13_another_organisations_people_are_nowhere[sqlite]",
        ),
    ),
    Defence(
        case="W15",
        file="portal/web/errors.py",
        old="    return error_page(InternalServerError.code)\n",
        new="    return repr(error), 500\n",
        tests=("tests/web/test_errors.py::test_w15_a_crash_shows_no_trace",),
    ),
    Defence(
        case="W15",
        file="portal/foundation/setting_rules.py",
        old="    if len(set(secret)) < LEAST_VARIETY or any(word in secret.lower() for word in _WEAK_WORDS):",
        new="    if False:",
        tests=(
            "tests/foundation/test_settings.py::test_w15_a_secret_that_can_be_guessed_starts_nothing",
        ),
    ),
    Defence(
        case="W15",
        file=SECURITY,
        old="        DEBUG=False,",
        new="        DEBUG=True,",
        tests=(f"{APP}::test_w15_debugging_is_off_whatever_the_environment_says[sqlite]",),
    ),
)
