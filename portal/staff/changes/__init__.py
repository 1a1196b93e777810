"""Write employees and their single-use links, with events and mails in the same transaction.

No function here takes a partner's claims: `arrive` is called by the host's own sign-in alone.
"""

from portal.staff.changes.links import (
    Link,
    mail_bind_link,
    make_link,
    make_sign_in_link,
    use_link,
    withdraw_links,
)
from portal.staff.changes.people import Added, add_staff, arrive, remove

__all__ = [
    "Added",
    "Link",
    "add_staff",
    "arrive",
    "mail_bind_link",
    "make_link",
    "make_sign_in_link",
    "remove",
    "use_link",
    "withdraw_links",
]
