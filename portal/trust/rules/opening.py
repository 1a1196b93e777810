"""What keeps an organisation's people out, though their identity provider is enabled."""

from enum import StrEnum


class Missing(StrEnum):
    """What is still to be done before somebody new can come in."""

    RESUMED = "resumed"  # the organisation is suspended
    CONTRACT = "contract"  # none runs now
    SPONSOR = "sponsor"  # nobody may decide
    PLACE = "place"  # all are taken


def missing(*, suspended: bool, contract_runs: bool, sponsors: int, places: int) -> list[Missing]:
    """Return everything that is missing, in the order in which it is mended.

    Args:
        suspended: whether the organisation is.
        contract_runs: whether one of its contracts does now.
        sponsors: how many employees may decide for it now.
        places: how many are free by its policy.
    """
    there = {
        Missing.RESUMED: not suspended,
        Missing.CONTRACT: contract_runs,
        Missing.SPONSOR: sponsors > 0,
        Missing.PLACE: places > 0,
    }
    return [one for one, is_there in there.items() if not is_there]
