"""What the decisions of a life are drawn from: few of each kind, so that they meet."""

from hypothesis import strategies as st

PARTNERS = st.sampled_from(["acme", "zeta"])
SUBJECTS = st.sampled_from(["jane", "john", "kim", "lee"])
ADDRESSES = st.sampled_from(["own", "own", "own", "desk", "foreign"])
CLAIMS = st.sampled_from([frozenset[str](), frozenset({"Finance"}), frozenset({"IT", "Finance"})])
NUMBERS = st.integers(0, 60)
DAYS = st.sampled_from([20, 60, 90, 5, 1, 0, 30, 45, 120, 121, -1])
OFFERS = st.sets(st.sampled_from(["wiki", "books", "files", "o1", "o2"]), max_size=3)
POLICIES = st.sampled_from(
    [
        {"approval": "at-once"},
        {"approval": "first"},
        {"approval_days": 2},
        {"approval_days": 50},
        {"longest_days": 10},
        {"longest_days": 120},
        {"review_days": 5, "grace_days": 0},
        {"review_days": 20},
        {"inactivity_days": 4},
        {"inactivity_days": 80},
        {"most_guests": 1},
        {"most_guests": 4},
        {"address_days": 0},
        {"address_days": 14},
    ]
)
