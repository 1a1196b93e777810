"""A slow identity provider must not hold every thread of the portal.

A provider that answers serves however many people come at once, a few at a time: whoever comes
next waits for a moment. One that lets callers wait, or has just let one wait in vain, gets fewer of
them; the others are told at once.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Final

from portal.foundation.outbound_http import MOST_AT_ONCE
from portal.sign_in.rules import Failure, SignInFailure, SignInReason

MOST_WAIT: Final = 2.0  # seconds for a place among MOST_AT_ONCE, in one process
LOOK_AGAIN: Final = 0.1  # seconds: that the others have turned slow is told by nobody's leaving
SLOW_AFTER: Final = 1.0  # seconds that a conversation goes on
MOST_SLOW: Final = 3  # slow conversations with one provider, in one process
MISTRUST: Final = 30.0  # seconds after one that waited for an answer in vain
MOST_MISTRUSTED: Final = 2  # conversations at once in that time
MOST_KNOWN: Final = 1024  # providers remembered
_WANT_OF_ANSWER: Final = frozenset({SignInReason.NET_LIMIT, SignInReason.NET_UNREACHABLE})


class Bulkhead:
    """Counts the open conversations with each provider of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Condition()
        self._open: dict[str, list[float]] = {}
        self._mistrusted: dict[str, float] = {}

    @contextmanager
    def conversation(self, provider: str) -> Iterator[None]:
        """Hold a place for one conversation.

        Raises:
            SignInFailure: ``net.limit``, at once: others wait for this provider already.
        """
        began = self._enter(provider)
        try:
            yield
        except SignInFailure as failure:
            # An answer that came soon and is none holds nobody up; a made-up code may cause it.
            if failure.reason in _WANT_OF_ANSWER and self._clock() - began > SLOW_AFTER:
                self._mistrust(provider)
            raise
        else:
            self._mistrusted.pop(provider, None)
        finally:
            with self._lock:
                self._open[provider].remove(began)
                if not self._open[provider]:
                    del self._open[provider]
                self._lock.notify_all()

    def _enter(self, provider: str) -> float:
        patience = time.monotonic() + MOST_WAIT
        with self._lock:
            while not self._has_place(provider):
                left = patience - time.monotonic()
                if left <= 0:
                    raise _others_wait()
                self._lock.wait(min(left, LOOK_AGAIN))
            began = self._clock()
            self._open.setdefault(provider, []).append(began)
            return began

    def _has_place(self, provider: str) -> bool:
        """Say whether one more may speak with a provider now.

        Raises:
            SignInFailure: nor in a moment, most likely.
        """
        now, others = self._clock(), self._open.get(provider, [])
        slow = sum(1 for began in others if now - began > SLOW_AFTER)
        mistrusted = self._mistrusted.get(provider, now) > now
        if slow >= MOST_SLOW or (mistrusted and len(others) >= MOST_MISTRUSTED):
            raise _others_wait()
        return len(others) < MOST_AT_ONCE

    def _mistrust(self, provider: str) -> None:
        with self._lock:
            if len(self._mistrusted) >= MOST_KNOWN:
                self._mistrusted.clear()
            self._mistrusted[provider] = self._clock() + MISTRUST


def _others_wait() -> SignInFailure:
    return SignInFailure(Failure(SignInReason.NET_LIMIT, "the provider lets others wait already"))
