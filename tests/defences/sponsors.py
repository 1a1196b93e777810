"""Part 5: what sponsors may decide."""

from typing import Final

from tests.defences.defence import Defence

BOUNDS: Final = "portal/sponsorship/changes/bounds.py"
RIGHTS: Final = "portal/pages/sponsor/rights.py"
PEOPLE: Final = "tests/sponsorship/test_holds.py::TestAnAdminsHoldOutlivesARemoval"
ENDED: Final = "a sponsor ends it"
ONESELF: Final = "tests/sponsorship/test_oneself.py"
NEW_ADDRESS: Final = (
    "tests/flows/test_staff_sign_in.py::test_i07_a_new_address_takes_along_whom_it_must"
)
MEANWHILE: Final = (
    "tests/lifecycle/test_ending_meanwhile.py::"
    "test_i07_whoever_arrives_is_not_left_to_a_sponsor_whose_address_moves"
)
REVIEWING: Final = "tests/sponsorship/test_reviewing.py"
PROPOSALS: Final = (
    "tests/pages/test_sponsor_proposals.py::test_i08_an_approval_of_what_was_not_seen_is_stale"
)
PERSON: Final = "tests/pages/test_sponsor_proposals.py::test_i08_somebody_else_than_was_seen"
CASES: Final = "tests/pages/test_sponsor_cases.py"

DEFENCES: Final = (
    Defence(
        case="I07",
        file=RIGHTS,
        old="    if _is_me(guest):",
        new="    if False:",
        tests=(f"{CASES}::test_i07_nobody_vouches_for_themselves",),
    ),
    Defence(
        case="I07",
        file=BOUNDS,
        old="    if tx.session.execute(query).first() is not None:",
        new="    if False:",
        tests=("tests/sponsorship/test_deciding.py::test_i07_nobody_decides_about_themselves",),
    ),
    Defence(
        case="I07",
        file="portal/lifecycle/changes/staff.py",
        old="    fit = anybody_else(able, (guest.email, guest.email_aside))",
        new="    fit = able",
        tests=(
            f"{ONESELF}::test_i07_a_leaver_hands_nobody_to_themselves[sqlite-email]",
            f"{ONESELF}::test_i07_with_nobody_else_left_it_is_as_with_nobody[sqlite-email_aside]",
        ),
    ),
    Defence(
        case="I07",
        file="portal/admission/changes/refusing.py",
        old="    sponsor = asked_sponsor(tx, provider, guest.email, guest.email_aside)",
        new="    sponsor = asked_sponsor(tx, provider)",
        tests=(f"{ONESELF}::test_i07_news_of_a_knock_goes_to_somebody_else[sqlite-email]",),
    ),
    Defence(
        case="I07",
        file="portal/pages/staff_sign_in.py",
        old="        hand_over_lost(tx, decision.staff_id, moved=decision.address_moved)",
        new="        pass",
        tests=(f"{NEW_ADDRESS}[the guest's-sqlite]",),
    ),
    Defence(
        case="I07",
        file="portal/lifecycle/changes/staff.py",
        old="    if moved:\n        _await_arrivals(tx, staff_id)\n    elif not lost:",
        new="    if not lost:",
        tests=(f"{MEANWHILE}[postgresql]",),
    ),
    # An admin's hold outlives a removal, and no sponsor lifts it.
    Defence(
        case="A17",
        file="portal/guests/rules.py",
        old="    return state == State.REMOVED and hold and reason == Reason.SUSPENDED_BY_ADMIN",
        new="    return False",
        tests=(f"{PEOPLE}::test_a17_no_sponsor_gets_around_an_admins_hold[sqlite-{ENDED}]",),
    ),
    Defence(
        case="A17",
        file="portal/sponsorship/changes/people.py",
        old="    _require_no_admins_hold(guest)\n    if not guest.tombstone:",
        new="    if not guest.tombstone:",
        tests=(f"{PEOPLE}::test_a17_no_sponsor_gets_around_an_admins_hold[sqlite-{ENDED}]",),
    ),
    Defence(
        case="A17",
        file="portal/sponsorship/changes/people.py",
        old="    if not by_admin:\n        _require_no_admins_hold(guest)\n",
        new="",
        tests=(f"{PEOPLE}::test_a17_no_sponsor_gets_around_an_admins_hold[sqlite-{ENDED}]",),
    ),
    Defence(
        case="I08",
        file="portal/guests/queries.py",
        old="locked += [row_of(row) for row in tx.session.execute(query.with_for_update())]",
        new="locked += [row_of(row) for row in tx.session.execute(query)]",
        tests=(
            "tests/sponsorship/test_races.py::test_i08_approved_and_rejected_at_the_same_instant[postgresql]",
        ),
    ),
    Defence(
        case="I08",
        file="portal/sponsorship/changes/deciding.py",
        old='    if not row.awaits_decision:\n        return _lost(tx, row, "approve")\n',
        new="",
        tests=(
            "tests/sponsorship/test_deciding.py::test_i08_who_comes_second_sees_the_winner[sqlite]",
        ),
    ),
    Defence(
        case="I10",
        file="portal/pages/sponsor/decisions.py",
        old="@for_sponsor\ndef one(",
        new='@__import__("portal.web.guards", fromlist=["x"]).for_anyone\ndef one(',
        tests=(f"{CASES}::test_i10_the_link_in_a_mail_decides_nothing[sqlite]",),
    ),
    Defence(
        case="I10",
        file=RIGHTS,
        old="    if guest.organisation_id not in places:\n        _require_confirmed(guest)\n        not_theirs()\n",
        new="    places.setdefault(guest.organisation_id, next(iter(places.values())))\n",
        tests=(f"{CASES}::test_i10_the_link_in_a_mail_decides_nothing[sqlite]",),
    ),
    Defence(
        case="I13",
        file="portal/sponsorship/changes/deciding.py",
        old='    return {"review_ask_at": tx.now} if asked else {}',
        new="    return {}",
        tests=(f"{REVIEWING}::test_i13_who_takes_it_on_knows_and_nobody_is_asked_twice[sqlite]",),
    ),
    Defence(
        case="I08",
        file=RIGHTS,
        old="    if overtaken(was, _proposed(tx.session, sponsorship_id), given):",
        new="    if False:",
        tests=(f"{PROPOSALS}[first-sqlite-something new]",),
    ),
    Defence(
        case="I08",
        file=RIGHTS,
        old="    if person != _portrait(tx.session, row.guest_id):",
        new="    if False:",
        tests=(f"{PERSON}_to_approve[first-sqlite-the name]",),
    ),
    Defence(
        case="I08",
        file=RIGHTS,
        old="    if seen is not None and seen != portrait(row):",
        new="    if False:",
        tests=(f"{PERSON}_to_vouch_for[first-sqlite]",),
    ),
    Defence(
        case="I08",
        file=RIGHTS,
        old='    return portrait(guest) if guest else ""',
        new='    return ""',
        tests=(f"{PERSON}_to_keep[first-sqlite]",),
    ),
    Defence(
        case="I13",
        file=BOUNDS,
        old="    if last_day > latest.day:",
        new="    if False:",
        tests=(
            f"{CASES}::test_i13_not_past_the_contract_nor_the_longest_stay",
            "tests/pages/test_sponsor.py::test_i13_a_day_too_far_is_said_at_the_field[sqlite]",
        ),
    ),
    Defence(
        case="I13",
        file=RIGHTS,
        old='        report("sponsor.limit")',
        new="        pass",
        tests=(f"{CASES}::test_i13_not_past_the_contract_nor_the_longest_stay",),
    ),
    Defence(
        case="I13",
        file="portal/sponsorship/rules.py",
        old="ends.append((sponsorship.review_ends_at, Reason.REVIEW_MISSED))",
        new="pass",
        tests=(f"{CASES}::test_i13_a_review_that_nobody_answers[sqlite]",),
    ),
    Defence(
        case="I13",
        file="portal/sponsorship/changes/settling.py",
        old='NO_REVIEW = {"review_ask_at": None}',
        new="NO_REVIEW: dict[str, None] = {}",
        tests=(f"{CASES}::test_i13_a_review_that_nobody_answers[sqlite]",),
    ),
)
