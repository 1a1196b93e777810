"""How strong a sign-in must have been for the organisation's policy."""

from collections.abc import Sequence


def strong_enough(
    acr: str | None,
    amr: Sequence[str],
    accepted_acr: Sequence[str],
    accepted_amr: Sequence[str],
) -> bool:
    """Return whether any accepted class or any accepted method is there; no demand accepts all."""
    if not accepted_acr and not accepted_amr:
        return True
    return acr in accepted_acr or any(method in accepted_amr for method in amr)
