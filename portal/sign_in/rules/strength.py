"""Strength is asked for in the request; what comes back is held against the same policy."""

import json
from collections.abc import Mapping, Sequence


def strength_request(accepted_acr: Sequence[str], *, claims_parameter: bool) -> Mapping[str, str]:
    """Return the authorization request's parameters that ask for one of the accepted classes.

    Args:
        accepted_acr: in order of preference. ``amr`` cannot be asked for.
        claims_parameter: whether the provider reads the ``claims`` parameter (Core 5.5.1.1):
            it makes ``acr`` essential; the others read ``acr_values`` as a wish.
    """
    if not accepted_acr:
        return {}
    asked = {"acr_values": " ".join(accepted_acr)}
    if claims_parameter:
        acr = {"essential": True, "values": list(accepted_acr)}
        asked["claims"] = json.dumps({"id_token": {"acr": acr}}, separators=(",", ":"))
    return asked
