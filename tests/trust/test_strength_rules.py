"""How strong a sign-in must have been."""

import pytest

from portal.trust.rules import strong_enough

param = pytest.param


@pytest.mark.parametrize(
    ("acr", "amr", "accepted_acr", "accepted_amr", "expected"),
    [
        param(None, (), (), (), True, id="no demand"),
        param("gold", (), ("gold", "silver"), (), True, id="class"),
        param("bronze", (), ("gold", "silver"), (), False, id="another class"),
        param(None, (), ("gold",), (), False, id="no class"),
        param(None, ("pwd", "otp"), (), ("otp",), True, id="method"),
        param(None, ("pwd",), (), ("otp",), False, id="another method"),
        param(None, ("otp",), ("gold",), ("otp",), True, id="either: method"),
        param("gold", ("pwd",), ("gold",), ("otp",), True, id="either: class"),
        param("otp", ("gold",), ("gold",), ("otp",), False, id="not across"),
    ],
)
def test_strong_enough(acr, amr, accepted_acr, accepted_amr, expected):
    """Any accepted class or any accepted method; nothing asked, nothing refused."""
    assert strong_enough(acr, amr, accepted_acr, accepted_amr) is expected
