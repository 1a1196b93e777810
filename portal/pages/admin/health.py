"""Do the jobs run? The last sweeps, what is overdue, the outbox, dead letters."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError

from portal.delivery import changes
from portal.delivery.jobs import send_test
from portal.delivery.queries import counts, dead, oldest_waiting, standing_since
from portal.delivery.smtp import Undeliverable
from portal.foundation import clock
from portal.foundation.current import settings_of
from portal.foundation.db import db
from portal.foundation.queues import connection, foreign_jobs
from portal.lifecycle.queries import RunRow, count_due, last_runs
from portal.pages.acting import act
from portal.staff.queries import staff_by_id
from portal.web.guards import for_admin, me
from portal.web.limits import degraded

LATE = timedelta(minutes=10)
MISSED = 3  # sweeps, where they are set to come seldom

bp = Blueprint("health", __name__, url_prefix="/admin/health")


@bp.get("")
@for_admin
def show() -> ResponseReturnValue:
    """Show whether everything runs."""
    session = db.session()
    now = clock.policy_now()
    runs = last_runs(session, now)
    return render_template(
        "admin/health.html",
        runs=runs,
        stopped=stands_still(runs, now),
        due={kind: count for kind, count in count_due(session, now).items() if count},
        counts=counts(session),
        oldest=oldest_waiting(session),
        dead=dead(session),
        mail_stands=standing_since(session, now),
        degraded=degraded(),
        foreign=_foreign(),
        now=now,
    )


def _foreign() -> int:
    """Return how often a foreign job was refused; a queue that is away tells nothing."""
    try:
        return foreign_jobs(connection())
    except (RedisError, OSError):
        return 0


def stands_still(runs: Sequence[RunRow], now: datetime) -> bool:
    """Say whether the jobs do: the latest sweep, newest first, is long ago or was never."""
    return not runs or now - runs[0].began_at > patience()


def patience() -> timedelta:
    """Return how long no sweep may have come before the jobs are said to stand still."""
    return max(LATE, MISSED * timedelta(seconds=settings_of(current_app).sweep_seconds))


@bp.post("/test-mail")
@for_admin
def test_mail() -> ResponseReturnValue:
    """Send a test mail to the admin who asks, now."""
    row = staff_by_id(db.session(), me().id)
    db.session.rollback()
    assert row is not None
    try:
        send_test(row.email)
        flash(f"A test mail is on its way to {row.email}")
    except Undeliverable as fault:
        flash(f"The mail could not be sent: {fault.message}", "bad")
    return redirect(url_for("health.show"), 303)


@bp.post("/outbox/<uuid:message_id>/send-again")
@for_admin
def send_again(message_id: UUID) -> ResponseReturnValue:
    """Try a dead letter again."""
    if act(lambda tx: changes.send_again(tx, message_id)):
        flash("It is tried again")
    else:
        flash("This mail is not dead any more, so nothing was done", "bad")
    return redirect(url_for("health.show"), 303)


@bp.post("/outbox/<uuid:message_id>/withdraw")
@for_admin
def withdraw(message_id: UUID) -> ResponseReturnValue:
    """Give a dead letter up for good: its address is nobody's, or they were told otherwise."""
    if act(lambda tx: changes.withdraw_dead(tx, message_id, "human.withdrawn")):
        flash("It is not sent any more")
    else:
        flash("This mail is not dead any more, so nothing was done", "bad")
    return redirect(url_for("health.show"), 303)
