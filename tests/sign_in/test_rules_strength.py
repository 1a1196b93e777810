"""Strength is asked for in the request."""

import pytest

from portal.sign_in.rules import strength_request


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
