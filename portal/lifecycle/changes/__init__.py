"""What a change of trust does to people; whoever moves an end later settles first."""

from portal.lifecycle.changes.contracts import (
    change_contract,
    conclude_contract,
    end_organisation,
    hold_end,
    settle_contract,
)
from portal.lifecycle.changes.organisations import (
    resume_organisation,
    settle_organisation,
    suspend_organisation,
    withdraw_offer,
)
from portal.lifecycle.changes.runs import note_run
from portal.lifecycle.changes.staff import (
    hand_over_all,
    hand_over_lost,
    let_go,
    name_sponsors,
    set_domains,
)

__all__ = [
    "change_contract",
    "conclude_contract",
    "end_organisation",
    "hand_over_all",
    "hand_over_lost",
    "hold_end",
    "let_go",
    "name_sponsors",
    "note_run",
    "resume_organisation",
    "set_domains",
    "settle_contract",
    "settle_organisation",
    "suspend_organisation",
    "withdraw_offer",
]
