"""Strength is asked for, then checked."""

import pytest

from portal.sign_in.rules import strength_request, strong_enough


@pytest.mark.parametrize(
    ("accepted", "claims_parameter", "expected"),
    [
        ((), False, {}),
        ((), True, {}),
        (("gold",), False, {"acr_values": "gold"}),
        (("gold", "silver"), False, {"acr_values": "gold silver"}),
        (
            ("gold", "silver"),
            True,
            {
                "acr_values": "gold silver",
                "claims": '{"id_token":{"acr":{"essential":true,"values":["gold","silver"]}}}',
            },
        ),
    ],
)
def test_strength_is_asked_for(
    accepted: tuple[str, ...], expected: dict[str, str], *, claims_parameter: bool
):
    """In order of preference; essential where the provider can be told so."""
    assert strength_request(accepted, claims_parameter=claims_parameter) == expected


@pytest.mark.parametrize(
    ("acr", "amr", "accepted_acr", "accepted_amr", "expected"),
    [
        (None, (), (), (), True),
        (None, (), ("gold",), (), False),
        (None, (), (), ("otp",), False),
        ("gold", (), ("silver", "gold"), (), True),
        ("gold", (), (), ("gold",), False),
        (None, ("pwd", "otp"), (), ("otp",), True),
        (None, ("pwd",), ("gold",), ("otp",), False),
        ("gold", (), ("gold",), ("otp",), True),
        (None, ("otp",), ("gold",), ("otp",), True),
    ],
)
def test_strength_is_checked(
    acr: str | None,
    amr: tuple[str, ...],
    accepted_acr: tuple[str, ...],
    accepted_amr: tuple[str, ...],
    *,
    expected: bool,
):
    """Any of either list."""
    assert strong_enough(acr, amr, accepted_acr, accepted_amr) is expected
