"""The audit log: what happened, who did it, and why. Export shows exactly what is filtered."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any
from uuid import UUID

from flask import (
    Blueprint,
    Response,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue

from portal.audit.queries import PAGE, Entry, Filter, midnight, midnight_after, pages, search
from portal.audit.rules import VOCABULARY, plain
from portal.foundation.db import db
from portal.foundation.text import csv_cell
from portal.pages.admin.forms import AuditForm
from portal.pages.admin.named import known_name, organisation_named, organisations_to_choose
from portal.pages.admin.who import names_in
from portal.trust.queries import OrganisationRow, organisations
from portal.web.guards import for_admin

bp = Blueprint("audit", __name__, url_prefix="/admin/audit")
LAST = 2**63 - 1  # what a sequence number can be
COLUMNS = ("at", "event", "actor", "organisation", "guest", "reason", "reference", "data")


def _filter(form: AuditForm, rows: Sequence[OrganisationRow]) -> Filter:
    """Return what the reader asked for; what is wrong is said in the form, and the rest counts."""
    form.validate()
    return Filter(
        reference=(form.reference.data or "").upper() or None,
        event=known_name(form, "event", "event", VOCABULARY),
        organisation_id=organisation_named(form, rows),
        guest_id=_guest(form),
        since=midnight(form.since.data),
        until=midnight_after(form.until.data),
    )


def _guest(form: AuditForm) -> UUID | None:
    said = form.guest.data
    try:
        return UUID(said) if said else None
    except ValueError:
        message = "This is no guest's id: open a guest's page, and from there the audit log"
        form.refuse(field="guest", message=message)
    return None


@bp.get("")
@for_admin
def log() -> ResponseReturnValue:
    """Show events, newest first; the filters stand in the address."""
    form = AuditForm(request.args)
    rows = organisations(db.session())
    before = _before()
    entries = search(db.session(), _filter(form, rows), beyond=before, limit=PAGE + 1)
    more, entries = len(entries) > PAGE, entries[:PAGE]
    kept = form.asked
    older = url_for("audit.log", before=entries[-1].seq, **kept) if more else ""
    return render_template(
        "admin/audit.html",
        form=form,
        entries=entries,
        names=_names(rows),
        organisations=organisations_to_choose(rows),
        who=names_in(db.session(), entries),
        newest=url_for("audit.log", **kept) if before else "",
        older=older,
        kept=kept,
    )


def _before() -> int | None:
    """Return where the page before this one ended; an address that somebody bent begins anew."""
    before = request.args.get("before", type=int)
    return before if before is not None and 0 < before <= LAST else None


def _names(rows: Sequence[OrganisationRow]) -> dict[UUID, str]:
    return {row.id: row.slug for row in rows}


@bp.get("/export.<any(csv, jsonl):kind>")
@for_admin
def export(kind: str) -> ResponseReturnValue:
    """Export exactly what the filters show: ``csv`` with harmless cells, or JSON lines."""
    form = AuditForm(request.args)
    rows = organisations(db.session())
    wanted = _filter(form, rows)
    if form.errors:  # the page says what is wrong; a file of everything would not
        return redirect(url_for("audit.log", **form.asked), 303)
    writer, mime = (_csv, "text/csv") if kind == "csv" else (_lines, "application/x-ndjson")
    body = stream_with_context(writer(wanted, _names(rows)))
    answer = Response(body, mimetype=mime)
    answer.headers["Content-Disposition"] = f"attachment; filename=audit.{kind}"
    return answer


def _row(entry: Entry, names: dict[UUID, str]) -> dict[str, Any]:
    return {
        "id": str(entry.id),
        "at": plain(entry.at),
        "event": entry.event,
        "actor": entry.actor,
        "organisation": names.get(entry.organisation_id) if entry.organisation_id else None,
        "guest": plain(entry.guest_id),
        "reason": entry.reason,
        "reference": entry.reference,
        "data": {**entry.data, **({"personal": entry.personal} if entry.personal else {})},
    }


def _lines(wanted: Filter, names: dict[UUID, str]) -> Iterator[str]:
    for entry in chain.from_iterable(pages(db.session(), wanted)):
        yield json.dumps(_row(entry, names), ensure_ascii=False) + "\n"


def _csv(wanted: Filter, names: dict[UUID, str]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for entry in chain.from_iterable(pages(db.session(), wanted)):
        row = _row(entry, names)
        row["data"] = json.dumps(row["data"], ensure_ascii=False)
        writer.writerow([csv_cell(str(row[name] or "")) for name in COLUMNS])
        if buffer.tell() > 1 << 16:
            yield _drain(buffer)
    yield _drain(buffer)


def _drain(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
