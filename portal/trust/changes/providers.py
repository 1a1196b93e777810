"""Identity providers: configured, tested, tried, enabled, disabled."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select

from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation.crypto import encrypt, vault
from portal.foundation.refused import Refused
from portal.foundation.rows import Sets, add_unique, edit, key
from portal.foundation.transaction import Tx
from portal.trust.models import IdentityProvider
from portal.trust.rules import (
    House,
    ProviderSettings,
    asks_more,
    changed_state,
    check_company,
    check_move,
    check_provider,
    check_secret,
    check_slug,
    check_subject_kept,
    loses_test,
)

_PINNED = ("hosts", "subject_types")
_SETTINGS = tuple(ProviderSettings.__dataclass_fields__)


def locked_provider(tx: Tx, provider_id: UUID) -> IdentityProvider:
    """Return an identity provider's row, read again under lock."""
    return _locked(tx, IdentityProvider.id == provider_id)[0]


def lock_siblings(tx: Tx, provider_id: UUID, issuer: str | None = None) -> None:
    """Lock an identity provider and the others on its issuer, in the order of their ids.

    Call it before the one is locked alone: two admins who change two of them at once would wait
    for each other.

    Args:
        tx: the open transaction.
        provider_id: which.
        issuer: the one that it gets, whose others count too.
    """
    own = select(IdentityProvider.issuer).where(IdentityProvider.id == provider_id)
    issuers = [one for one in (tx.session.scalar(own), issuer) if one is not None]
    _locked(tx, or_(IdentityProvider.id == provider_id, IdentityProvider.issuer.in_(issuers)))


def _locked(tx: Tx, which: ColumnElement[bool]) -> Sequence[IdentityProvider]:
    return tx.session.scalars(
        select(IdentityProvider)
        .where(which)
        .order_by(IdentityProvider.id)
        # Its key stays: whoever comes in meanwhile refers to it, holding what this waits for next.
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()


def _settings(row: IdentityProvider) -> ProviderSettings:
    return ProviderSettings(**{name: getattr(row, name) for name in _SETTINGS})


def _columns(settings: ProviderSettings) -> dict[str, Any]:
    """Return the settings as columns hold them: JSON has lists and objects."""
    values = {name: getattr(settings, name) for name in _SETTINGS}
    return {
        **values,
        "scopes": list(settings.scopes),
        "claim_map": dict(settings.claim_map),
        "required_claims": dict(settings.required_claims),
    }


def add_identity_provider(
    tx: Tx,
    organisation_id: UUID,
    *,
    slug: str,
    settings: ProviderSettings,
    client_secret: str,
    house: House,
) -> UUID:
    """Add a partner's identity provider as a draft; nobody comes in through it yet.

    Args:
        tx: the open transaction.
        organisation_id: whose it is.
        slug: in its addresses; never changes, since the redirect URI holds it.
        settings: as typed.
        client_secret: encrypted at rest, never shown again.
        house: what the portal's own settings allow.

    Raises:
        Refused: with the first field that is wrong.
    """
    slug = check_slug(slug)
    settings = check_provider(settings, house)
    secret = encrypt(check_secret(client_secret))
    values = {
        "organisation_id": organisation_id,
        "slug": slug,
        "state": "draft",
        **_columns(settings),
        "client_secret": secret,
        "tested_at": None,
        "findings": None,
        "strength_attested_at": None,
        "trial_at": None,
        "trial": None,
        "created_at": tx.now,
    }
    taken = Refused(
        "slug",
        f"This organisation has an identity provider {slug} already: choose another short name",
    )
    provider_id, sets = add_unique(tx, IdentityProvider, values, taken)
    _require_apart(tx, organisation_id, settings, provider_id)
    _record(tx, "identity_provider.added", organisation_id, _open(sets))
    return provider_id


def _open(sets: Sets) -> Sets:
    """Return what an event may say: a secret stays out of a log that is kept, encrypted or not."""
    return {
        one: {name: value for name, value in columns.items() if name != "client_secret"}
        for one, columns in sets.items()
    }


def _require_apart(
    tx: Tx,
    organisation_id: UUID,
    settings: ProviderSettings,
    own_id: UUID | None,
    *,
    idle: bool = False,
) -> None:
    """Hold a provider against the others on its issuer, which stay locked meanwhile.

    Disabled ones take nobody in: they (*idle*) are held against the others when they are enabled.
    """
    others = [
        row for row in _locked(tx, IdentityProvider.issuer == settings.issuer) if row.id != own_id
    ]
    if not idle:
        check_company(
            settings.required_claims,
            [row.required_claims for row in others if row.state != "disabled"],
        )
    check_subject_kept(
        settings.subject_claim,
        [row.subject_claim for row in others if row.organisation_id == organisation_id],
    )


def change_identity_provider(
    tx: Tx, provider_id: UUID, changes: Mapping[str, Any], *, house: House, people: int
) -> bool:
    """Change an identity provider's settings.

    Another issuer, client id or subject claim makes it another connection: it loses its test and,
    if it was enabled, becomes a draft.

    Args:
        tx: the open transaction.
        provider_id: which.
        changes: fields of `ProviderSettings` and their new values.
        house: what the portal's own settings allow.
        people: how many guests, of any state, are known by a subject of this provider.

    Returns:
        Whether nobody stays in who came through it before: it is another connection, or demands
        what they may not have shown. The caller ends its sessions.

    Raises:
        Refused: with the first field that is wrong, or because it would make strangers of people.
    """
    lock_siblings(tx, provider_id, changes.get("issuer"))
    row = locked_provider(tx, provider_id)
    was = _settings(row)
    now = check_provider(replace(was, **changes), house)
    check_move(was, now, subject_types=subject_types(row.findings), people=people)
    _require_apart(tx, row.organisation_id, now, row.id, idle=row.state == "disabled")
    retest = loses_test(was, now)
    values = _columns(now)
    if retest:
        values |= {"tested_at": None, "findings": None, "trial_at": None, "trial": None}
        values["strength_attested_at"] = None
        values["state"] = changed_state(row.state, retest=retest)
    old = {name: getattr(row, name) for name in values}
    sets = edit(tx, row, values)
    if sets:
        changed = sets[key(IdentityProvider, row.id)]
        data = {"was": {name: old[name] for name in changed if name in _SETTINGS}}
        _record(tx, "identity_provider.changed", row.organisation_id, sets, data)
    return retest or asks_more(was, now)


def subject_types(findings: object) -> tuple[str, ...]:
    """Return which kinds of subject the last connection test saw the provider offer."""
    found = findings.get("subject_types", ()) if isinstance(findings, Mapping) else ()
    return tuple(str(one) for one in found) if isinstance(found, (list, tuple)) else ()


def replace_secret(tx: Tx, provider_id: UUID, client_secret: str) -> None:
    """Replace the client secret without disabling anything.

    Raises:
        Refused: it is empty, or of several lines.
    """
    row = locked_provider(tx, provider_id)
    edit(tx, row, {"client_secret": encrypt(check_secret(client_secret))})
    _record(
        tx,
        "identity_provider.changed",
        row.organisation_id,
        {key(IdentityProvider, row.id): {}},
        {"was": {}},
        reason="identity_provider.secret_replaced",
    )


def encrypt_again(tx: Tx, provider_id: UUID) -> bool:
    """Encrypt the stored client secret with the first of the secret keys; the secret stays.

    Returns:
        False when it is under that key already.

    Raises:
        Undecryptable: no key opens it.
    """
    row = locked_provider(tx, provider_id)
    if vault().under_first(row.client_secret):
        return False
    edit(tx, row, {"client_secret": vault().rotate(row.client_secret)})
    _record(
        tx,
        "identity_provider.changed",
        row.organisation_id,
        {key(IdentityProvider, row.id): {}},
        {"was": {}},
        reason="identity_provider.secret_encrypted_again",
    )
    return True


def note_connection_test(
    tx: Tx, provider_id: UUID, *, issuer: str, passed: bool, findings: object
) -> None:
    """Keep what a connection test found; one that passed allows enabling.

    Args:
        tx: the open transaction.
        provider_id: which.
        issuer: what was tested; the configuration may have changed meanwhile.
        passed: whether discovery and keys were good.
        findings: plain JSON, for the page; nothing secret.

    Raises:
        Refused: another issuer is configured by now.
    """
    row = locked_provider(tx, provider_id)
    if row.issuer != issuer:
        raise Refused("issuer", "The issuer was changed meanwhile: test the connection again")
    values: dict[str, Any] = {"findings": findings}
    if passed:
        values["tested_at"] = tx.now
    elif isinstance(findings, Mapping) and isinstance(row.findings, Mapping):
        # What was pinned by the test that passed stays pinned.
        kept = {name: row.findings[name] for name in _PINNED if name in row.findings}
        values["findings"] = {**findings, **kept}
    sets = edit(tx, row, values)
    _record(
        tx, "identity_provider.tested", row.organisation_id, sets, {"findings": values["findings"]}
    )


def note_trial(
    tx: Tx,
    provider_id: UUID,
    *,
    outcome: str,
    reasons: Sequence[str],
    warnings: Sequence[str] = (),
) -> None:
    """Keep that a test sign-in came back and what would have been decided; nothing personal."""
    row = locked_provider(tx, provider_id)
    trial = {"outcome": outcome, "reasons": list(reasons), "warnings": list(warnings)}
    sets = edit(tx, row, {"trial_at": tx.now, "trial": trial})
    _record(
        tx,
        "identity_provider.trial",
        row.organisation_id,
        sets,
        {"outcome": outcome, "reasons": list(reasons)},
    )


def attest_strength(tx: Tx, provider_id: UUID, *, attested: bool) -> None:
    """Note that an admin attests, or no longer attests, that the partner enforces the strength.

    Some providers never say how somebody signed in (Entra sends no ``amr``): then the policy's
    demand is met by the admin's word, which stands here with its date.
    """
    row = locked_provider(tx, provider_id)
    if attested == (row.strength_attested_at is not None):
        return  # said twice is said once, and keeps its first date
    sets = edit(tx, row, {"strength_attested_at": tx.now if attested else None})
    _record(tx, "identity_provider.strength_attested", row.organisation_id, sets)


def enable(tx: Tx, provider_id: UUID) -> None:
    """Let people in through this identity provider.

    Raises:
        Refused: no connection test has passed, or another provider on this issuer takes the same
            people.
    """
    lock_siblings(tx, provider_id)
    row = locked_provider(tx, provider_id)
    if row.tested_at is None:
        raise Refused("state", "Test the connection first: enabling needs a test that passed")
    _require_apart(tx, row.organisation_id, _settings(row), row.id)
    sets = edit(tx, row, {"state": "enabled"})
    if sets:
        _record(tx, "identity_provider.enabled", row.organisation_id, sets)


def disable(tx: Tx, provider_id: UUID) -> None:
    """Let nobody in through this identity provider; the caller ends its sessions."""
    row = locked_provider(tx, provider_id)
    sets = edit(tx, row, {"state": "disabled"})
    if sets:
        _record(tx, "identity_provider.disabled", row.organisation_id, sets)


def _record(
    tx: Tx,
    event: str,
    organisation_id: UUID,
    sets: Sets,
    data: Mapping[str, Any] | None = None,
    *,
    reason: str | None = None,
) -> None:
    record(
        tx,
        [
            Event(
                event,
                organisation_id=organisation_id,
                sets=sets,
                data=data or {},
                reason=reason,
            )
        ],
    )
