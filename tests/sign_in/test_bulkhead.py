"""The bulkhead: no provider takes the threads of the others."""

from portal.sign_in.bulkhead import MISTRUST, Bulkhead
from portal.sign_in.rules import Failure, SignInFailure, SignInReason

R = SignInReason


def test_bulkhead_lets_a_fast_provider_have_everybody() -> None:
    """However many come at once."""
    bulkhead = Bulkhead(clock=lambda: 0.0)
    held = [bulkhead.conversation("a") for _ in range(100)]
    for one in held:
        one.__enter__()
    for one in held:
        one.__exit__(None, None, None)


def test_bulkhead_mistrusts_for_a_while() -> None:
    """After a failure two may try; after thirty seconds, or a success, everybody."""
    now = [0.0]
    bulkhead = Bulkhead(clock=lambda: now[0])
    gone = SignInFailure(Failure(R.NET_LIMIT, "slow"))

    def most() -> int:
        held = []
        try:
            for _ in range(10):
                one = bulkhead.conversation("a")
                one.__enter__()
                held.append(one)
        except SignInFailure:
            pass
        for one in held:
            one.__exit__(SignInFailure, gone, None)
        return len(held)

    assert most() == 10
    assert most() == 2
    now[0] += MISTRUST
    assert most() == 10
    with bulkhead.conversation("a"):
        pass
    assert most() == 10
