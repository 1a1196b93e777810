"""Write attempts and sessions. Times are the protocol clock's, given by the caller as *at*."""

from portal.sign_in.changes.attempts import (
    AttemptUsed,
    begin_attempt,
    begin_attempt_at,
    give_up,
    use_up,
)
from portal.sign_in.changes.documents import note_fetch, shelve
from portal.sign_in.changes.sessions import (
    TOUCH_EVERY,
    NewSession,
    StartedSession,
    end_session,
    end_sessions_beside,
    end_sessions_of_guests,
    end_sessions_of_provider,
    end_sessions_of_staff,
    end_weak_sessions,
    renew_session,
    start_session,
    touch_session,
)
from portal.sign_in.changes.tidying import delete_expired

__all__ = [
    "TOUCH_EVERY",
    "AttemptUsed",
    "NewSession",
    "StartedSession",
    "begin_attempt",
    "begin_attempt_at",
    "delete_expired",
    "end_session",
    "end_sessions_beside",
    "end_sessions_of_guests",
    "end_sessions_of_provider",
    "end_sessions_of_staff",
    "end_weak_sessions",
    "give_up",
    "note_fetch",
    "renew_session",
    "shelve",
    "start_session",
    "touch_session",
    "use_up",
]
