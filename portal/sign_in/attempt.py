"""A sign-in attempt outside its table: as it is begun, and as it is found again at the callback."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from portal.foundation.crypto import random_token

ATTEMPT_LIFE = timedelta(minutes=15)


class Purpose(StrEnum):
    """What the browser was sent away for."""

    SIGN_IN = "sign_in"
    TRIAL = "trial"  # an admin tests a provider; nothing is created
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Errand:
    """What one way to the provider is for, and what must be remembered until it comes back.

    Attributes:
        purpose: sign-in, trial or staff.
        next_url: where the person wanted to go, a path of this portal, already checked.
        staff_id: the admin who tests (trial only).
        staff_link_id: the single-use link that binds an employee (staff only).
        select_account: ask the provider to offer other accounts (*use another account*).
        login_hint: the address that was typed, if any.
        max_age: seconds since the person last proved who they are; ``None``: no demand.
    """

    purpose: Purpose = Purpose.SIGN_IN
    next_url: str | None = None
    staff_id: UUID | None = None
    staff_link_id: UUID | None = None
    select_account: bool = False
    login_hint: str | None = None
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """An attempt about to be written. Its secrets are stored hashed or encrypted only."""

    errand: Errand
    created_at: datetime
    browser_secret: str = field(repr=False)
    state: str = field(default_factory=random_token, repr=False)
    nonce: str = field(default_factory=random_token, repr=False)
    code_verifier: str = field(default_factory=random_token, repr=False)


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """An attempt found by state, browser and provider: unused and in time when it was read."""

    id: UUID
    identity_provider_id: UUID | None
    purpose: Purpose
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    max_age: int | None
    next_url: str | None
    staff_id: UUID | None
    staff_link_id: UUID | None
    created_at: datetime
