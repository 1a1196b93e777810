"""What the rows of a swept database must say, by the oracle."""

from datetime import datetime
from typing import Any

from tests.lives.decisions import Oracle


def expected_rows(oracle: Oracle) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    """What the swept database must say of people, sponsorships and grants."""
    people: dict[str, Any] = {}
    words: dict[str, Any] = {}
    grants = []
    for slug, organisation in oracle.organisations.items():
        for subject, person in organisation.people.items():
            name = f"{slug}/{subject}"
            people[name] = {
                "state": person.state,
                "state_reason": person.reason,
                "state_since": text(person.since),
                "hold": person.hold,
                "tombstone": person.tombstone,
                "inactive_at": text(person.silent_at),
                "removes_at": text(person.gone_at),
                "lapses_at": text(person.open[0].lapses) if person.state == "pending" else None,
                "expires_at": text(person.expires),
                "email": person.email,
                "email_aside": person.aside,
                "aside_until": text(person.aside_until),
            }
            for age, word in enumerate(reversed(person.words)):
                asked = word.review.ask is not None and word.review.ask <= oracle.now
                words[f"{name}/{age}"] = {
                    "guest_id": name,
                    "sponsor_id": word.sponsor,
                    "contract_id": f"{slug}/{word.contract.reference}",
                    "state": word.state,
                    "state_reason": word.reason,
                    "state_since": text(word.since),
                    "last_day": word.last_day.isoformat(),
                    "expires_at": text(word.expires),
                    "lapses_at": text(word.lapses),
                    "approve_by": text(word.approve_by),
                    "decided_by": word.decided_by,
                    "review_ask_at": None if asked else text(word.review.ask),
                    "review_due_at": text(word.review.due),
                    "review_ends_at": text(word.review.ends),
                }
                grants += [
                    (f"{name}/{age}", f"{slug}/{offer}", state, by_claim)
                    for offer, (state, by_claim) in word.grants.items()
                ]
    return people, words, sorted(grants)


def text(instant: datetime | None) -> str | None:
    """An instant as the rows are shown."""
    return instant.isoformat().replace("+00:00", "Z") if instant else None


def only(rows: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """The columns of rows that the oracle speaks of."""
    columns = next(iter(expected.values()), {}).keys()
    return {key: {name: row[name] for name in columns} for key, row in rows.items()}
