"""What happened, append-only.

Every change of state records its event in its own transaction; triggers refuse UPDATE and DELETE.
Events are typed (``rules``: the vocabulary with the exact keys of each), carry every field that
the change set, so that folding them gives the state; personal fields stand in a side table.
"""
