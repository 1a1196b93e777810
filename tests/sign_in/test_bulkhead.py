"""The bulkhead: no provider takes the threads of the others."""

import threading
from contextlib import ExitStack

import pytest

from portal.commands.run import WEB_THREADS
from portal.foundation.outbound_http import MOST_AT_ONCE
from portal.sign_in.bulkhead import MISTRUST, SLOW_AFTER, Bulkhead
from portal.sign_in.rules import Failure, SignInFailure, SignInReason

R = SignInReason


def test_bulkhead_lets_a_fast_provider_have_everybody() -> None:
    """However many come at once: each finds a place after a moment."""
    bulkhead, served = Bulkhead(), []
    together = threading.Barrier(40)

    def speak() -> None:
        together.wait()
        with bulkhead.conversation("a"):
            served.append("a")

    threads = [threading.Thread(target=speak) for _ in range(40)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(served) == 40


def test_f06_many_at_the_same_moment_leave_threads_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody knows yet that it is slow, and they would have held every thread of the process."""
    monkeypatch.setattr("portal.sign_in.bulkhead.MOST_WAIT", 0.01)
    bulkhead = Bulkhead(clock=lambda: 0.0)
    with ExitStack() as held:
        for _ in range(MOST_AT_ONCE):
            held.enter_context(bulkhead.conversation("slow"))
        with pytest.raises(SignInFailure, match="others wait"):
            held.enter_context(bulkhead.conversation("slow"))
        held.enter_context(bulkhead.conversation("fine"))
    assert MOST_AT_ONCE <= WEB_THREADS / 2
    with bulkhead.conversation("slow"):
        pass


def test_f06_who_waits_looks_again_though_nobody_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the second in which all of them turn slow nobody ends, and waiters hold threads too."""
    monkeypatch.setattr("portal.sign_in.bulkhead.MOST_WAIT", 3600.0)
    now = [0.0]
    bulkhead = Bulkhead(clock=lambda: now[0])
    monkeypatch.setattr(bulkhead._lock, "wait", lambda _: now.__setitem__(0, now[0] + 0.5))
    with ExitStack() as held:
        for _ in range(MOST_AT_ONCE):
            held.enter_context(bulkhead.conversation("slow"))
        with pytest.raises(SignInFailure, match="others wait"):
            held.enter_context(bulkhead.conversation("slow"))
    assert now[0] == pytest.approx(SLOW_AFTER + 0.5)


def test_who_waits_for_a_place_is_told_once_it_is_slow() -> None:
    """Not after the whole of their patience."""
    now = [0.0]
    bulkhead = Bulkhead(clock=lambda: now[0])
    refused: list[SignInFailure] = []

    def wait() -> None:
        try:
            bulkhead.conversation("a").__enter__()
        except SignInFailure as failure:
            refused.append(failure)

    with ExitStack() as held:
        first = bulkhead.conversation("a")
        first.__enter__()
        for _ in range(MOST_AT_ONCE - 1):
            held.enter_context(bulkhead.conversation("a"))
        late = threading.Thread(target=wait)
        late.start()
        now[0] += SLOW_AFTER + 1
        first.__exit__(None, None, None)
        late.join()
    assert len(refused) == 1


def test_bulkhead_mistrusts_for_a_while() -> None:
    """After one that waited in vain two may try; after thirty seconds, or a success, everybody."""
    now = [0.0]
    bulkhead = Bulkhead(clock=lambda: now[0])
    gone = SignInFailure(Failure(R.NET_LIMIT, "slow"))

    def most() -> int:
        held = []
        try:
            for _ in range(MOST_AT_ONCE):
                one = bulkhead.conversation("a")
                one.__enter__()
                held.append(one)
        except SignInFailure:
            pass
        now[0] += waits
        for one in held:
            one.__exit__(SignInFailure, gone, None)
        return len(held)

    waits = SLOW_AFTER
    assert most() == MOST_AT_ONCE
    assert most() == MOST_AT_ONCE  # an answer that came soon, however useless
    waits += 0.1
    assert most() == MOST_AT_ONCE
    assert most() == 2
    now[0] += MISTRUST
    assert most() == MOST_AT_ONCE
    with bulkhead.conversation("a"):
        pass
    assert most() == MOST_AT_ONCE
