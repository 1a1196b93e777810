"""The cases that must be defended, and every defence of them."""

import re
from typing import Final

from tests.defences import admission, input_, jobs, outbound, sign_in, sponsors, web
from tests.defences.defence import Defence

# By the parts of the cases: sign-in, admission, sessions, sponsors, outbound, jobs, audit, input.
IN_SCOPE: Final = frozenset(
    re.findall(
        r"[A-Z]\d\d",
        """
        O01 O02 O03 O05 O07 O08 O11 O12 O13 O14 O16 O17 O19 O21 O22 O24
        A01 A02 A03 A05 A08 A10 A12 A14 A15 A16 A17 A19 A21 A23 A24
        W01 W02 W04 W05 W06 W08 W10 W12 W13 W15
        I07 I08 I10 I13
        F01 F03 F06 F08 F09
        J01 J02 J04 J05 J07 J08 J09 J12 J13 J16 J18
        L04 L05
        N01 N02 N03 N05 N07 N08 N10 N11 N13 N14
        """,
    )
)

DEFENCES: Final[tuple[Defence, ...]] = (
    *sign_in.DEFENCES,
    *admission.DEFENCES,
    *web.DEFENCES,
    *sponsors.DEFENCES,
    *outbound.DEFENCES,
    *jobs.DEFENCES,
    *input_.DEFENCES,
)
