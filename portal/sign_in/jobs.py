"""Delete attempts and sessions past their life. Nobody's access waits for it: the rows are dead."""

from typing import Final

from portal.foundation import clock
from portal.foundation.transaction import Actor, transaction
from portal.sign_in import changes

ACTOR: Final = Actor.system("tidy")


def tidy() -> int:
    """Delete what is past, a short transaction a batch; safe to repeat, double or kill.

    Returns:
        How many rows there were. By the protocol clock: a moved policy clock deletes nothing.
    """
    deleted = 0
    while True:
        with transaction(actor=ACTOR, now=clock.policy_now()) as tx:
            batch = changes.delete_expired(tx, clock.protocol_now())
        if not batch:
            return deleted
        deleted += batch
