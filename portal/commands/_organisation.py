"""An organisation as the commands tell it: one dictionary, or a page of text."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from portal.commands._shared import known, public_url, table
from portal.commands.contract import contract_dict
from portal.foundation.db import db
from portal.trust import queries
from portal.trust.queries import OrganisationRow, ProviderRow


def by_slug(slug: str) -> OrganisationRow:
    """Return the organisation of this slug, or end the command."""
    found = queries.organisation_by_slug(db.session(), slug)
    return known(found, "organisation", slug, "portal org list")


def summary(row: OrganisationRow, domains: Iterable[str]) -> dict[str, Any]:
    """Return an organisation as a list has it."""
    return {
        "id": row.id,
        "slug": row.slug,
        "name": row.name,
        "state": row.state,
        "state_reason": row.state_reason,
        "unlisted": row.unlisted,
        "domains": sorted(domains),
        "guests": row.seats,
        "waiting": row.waiting,
        "created_at": row.created_at,
    }


def as_dict(row: OrganisationRow) -> dict[str, Any]:
    """Return an organisation with everything that belongs to it."""
    session = db.session()
    held = queries.domain_rows(session, row.id)
    return {
        **summary(row, []),
        "domains": [
            {"name": one.name, "vouched_by": one.vouched_by, "since": one.created_at}
            for one in held
        ],
        "contracts": [contract_dict(one) for one in queries.contracts(session, row.id)],
        "policy": asdict(queries.policy_for(session, row.id)),
        "policy_own": list(queries.policy_own(session, row.id)),
        "sponsors": [
            {
                "id": one.staff_id,
                "email": one.email,
                "name": one.name,
                "role": one.role,
                "lead": one.lead,
                "eligible": one.eligible,
            }
            for one in queries.sponsors(session, row.id)
        ],
        "identity_providers": [provider_dict(one) for one in queries.providers(session, row.id)],
        "offers": [
            {
                "id": one.id,
                "entitlement": f"{one.application_slug}/{one.entitlement_slug}",
                "default": one.is_default,
                "when": f"{one.when_claim}={one.when_value}" if one.when_claim else None,
            }
            for one in queries.offers(session, row.id)
        ],
    }


def provider_dict(row: ProviderRow) -> dict[str, Any]:
    """Return an identity provider as JSON has it; the secret is never among it."""
    return {
        "id": row.id,
        "organisation": row.organisation_slug,
        "slug": row.slug,
        "name": row.name,
        "state": row.state,
        "issuer": row.issuer,
        "client_id": row.client_id,
        "client_auth": row.client_auth,
        "scopes": list(row.scopes),
        "claims": dict(row.claim_map),
        "subject_claim": row.subject_claim,
        "required_claims": dict(row.required_claims),
        "addresses": row.addresses,
        "redirect_uri": public_url(row.callback_path),
        "sign_in_url": public_url(row.sign_in_path),
        "tested_at": row.tested_at,
        "findings": row.findings,
        "trial_at": row.trial_at,
        "trial": row.trial,
    }


def in_words(row: Mapping[str, Any]) -> str:
    """Return what `as_dict` returned as text for people."""
    state = row["state"] + (f" ({row['state_reason']})" if row["state_reason"] else "")
    parts = [
        f"{row['name']} ({row['slug']}) is {state}{', unlisted' if row['unlisted'] else ''}.",
        f"Guests: {row['guests']}, waiting: {row['waiting']}.",
    ]
    policy = [
        {"policy": name, "value": value, "whose": _whose(name, row["policy_own"])}
        for name, value in row["policy"].items()
    ]
    blocks: list[tuple[str, list[Mapping[str, Any]], tuple[str, ...]]] = [
        ("Domains", row["domains"], ("name", "vouched_by", "since")),
        ("Contracts", row["contracts"], ("reference", "start", "end", "time_zone", "running")),
        ("Policy", list(policy), ("policy", "value", "whose")),
        ("Sponsors", row["sponsors"], ("email", "name", "role", "lead", "eligible")),
        (
            "Identity providers",
            row["identity_providers"],
            ("slug", "name", "state", "issuer", "sign_in_url"),
        ),
        ("Offers", row["offers"], ("entitlement", "default", "when")),
    ]
    for title, rows, columns in blocks:
        parts += ["", title, table(rows, *columns) if rows else "none"]
    return "\n".join(parts)


def _whose(name: str, own: Iterable[str]) -> str:
    return "its own" if name in own else "the default"
