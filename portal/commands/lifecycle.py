"""`portal lifecycle run`: settle by hand what the sweep would, or only count it."""

from datetime import UTC, datetime
from typing import Any

import click

from portal.admission.queries import count_expired as count_arrivals
from portal.commands._shared import in_portal, json_option, refuse, say_row
from portal.delivery.queries import count_past_keeping
from portal.foundation import clock
from portal.foundation.current import current_settings
from portal.foundation.db import db
from portal.lifecycle import jobs
from portal.lifecycle.queries import count_due
from portal.sign_in.jobs import tidy
from portal.sign_in.queries import count_expired

FIRST_YEAR = 1990
LAST_YEAR = 2999


class Instant(click.ParamType[datetime]):
    """An instant as ``2027-03-01T00:00:00Z``."""

    name = "iso8601"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the instant in UTC, or say how to write one."""
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no instant: write it like 2027-03-01T00:00:00Z", param, ctx)
        if instant.tzinfo is None:
            self.fail(f"{value!r} has no zone: write it like {instant.isoformat()}Z", param, ctx)
        if not FIRST_YEAR < instant.year < LAST_YEAR:  # what is due is reckoned from it, both ways
            self.fail(f"{value!r} is too far away: write a year from now on", param, ctx)
        return instant.astimezone(UTC)


@click.group()
def lifecycle() -> None:
    """What time does to guests."""


@lifecycle.command()
@click.option("--now", type=Instant(), help="As if it were this instant, like 2027-03-01T00:00Z.")
@click.option("--dry-run", is_flag=True, help="Only count what is due.")
@json_option
@in_portal()
def run(now: datetime | None, dry_run: bool, as_json: bool) -> None:
    """Settle what is due: ends, reviews, silence, requests that nobody decided, contracts."""
    if now is not None and not dry_run and not current_settings().development:
        refuse("--now is for development: in production add --dry-run, which changes nothing")
    at = now or clock.policy_now()
    settled, failed = (_count(at), []) if dry_run else _settle(at)
    done = {"now": at, "dry_run": dry_run, "settled": settled, "failed": failed}
    say_row(done, as_json, _sentence(settled, dry_run=dry_run))
    if failed:
        refuse(
            f"{len(failed)} guests or contracts could not be settled, all others were: "
            "portal audit list --event lifecycle.settled_row_failed"
        )


def _count(at: datetime) -> dict[str, int]:
    session = db.session()
    counts = count_due(session, at)
    counts["arrivals_deleted"] = count_arrivals(session, at)
    counts["mails_deleted"] = count_past_keeping(session, at)
    counts["sign_in_deleted"] = count_expired(session, clock.protocol_now())
    return {kind: count for kind, count in counts.items() if count}


def _settle(at: datetime) -> tuple[dict[str, int], list[str]]:
    report = jobs.run(at)
    report.settled["sign_in_deleted"] += tidy()
    settled = {kind: count for kind, count in report.settled.items() if count}
    return settled, [str(row_id) for row_id in report.failed]


def _sentence(settled: dict[str, int], *, dry_run: bool) -> str:
    if not settled:
        return "Nothing is due." if dry_run else "Nothing was due."
    said = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in settled.items())
    return f"{'Due' if dry_run else 'Settled'}: {said}."
