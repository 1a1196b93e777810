"""What admins see and set: whom the portal trusts, who is in, what happened, whether it runs."""

from portal.pages.admin import (
    applications,
    audit,
    guests,
    health,
    identity_providers,
    offers,
    organisations,
    overview,
    staff,
    terms,
    terms_of_trust,
)

BLUEPRINTS = (
    overview.bp,
    organisations.bp,
    terms_of_trust.bp,
    offers.bp,
    identity_providers.bp,
    guests.bp,
    staff.bp,
    applications.bp,
    terms.bp,
    audit.bp,
    health.bp,
)
