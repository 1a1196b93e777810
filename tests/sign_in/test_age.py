"""How long what was fetched of a provider is believed."""

from datetime import timedelta

from portal.foundation import clock
from portal.sign_in.metadata import Providers
from tests.hostile.provider import HostileProvider
from tests.sign_in.walk import Walk, new_providers, partner


def test_fetched_anew_after_an_hour(hostile: HostileProvider) -> None:
    """What is known has an end."""
    late = [clock.protocol_now()]
    providers = Providers(
        new_providers().egress, new_providers()._shelf, development=True, now=lambda: late[0]
    )
    walk = Walk(providers, partner(hostile))
    walk.begin()
    late[0] += timedelta(minutes=59)
    walk.begin()
    assert hostile.requests["discovery"] == 1
    late[0] += timedelta(minutes=1)
    walk.begin()
    assert hostile.requests["discovery"] == 2


def test_fetched_anew_once_a_clock_is_put_right(hostile: HostileProvider) -> None:
    """What was read a month ahead would be believed for a month, keys that were withdrawn too."""
    at = [clock.protocol_now() + timedelta(days=30)]
    fresh = new_providers()
    walk = Walk(
        Providers(fresh.egress, fresh._shelf, development=True, now=lambda: at[0]),
        partner(hostile),
    )
    walk.begin()
    at[0] -= timedelta(days=30)
    for _ in range(2):
        walk.begin()
    assert hostile.requests["discovery"] == 2
