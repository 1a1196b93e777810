"""Time passes, trust changes: what that does to people.

``jobs.sweep`` finds by keyset what is due and settles it in batches; ``changes`` carries a change
of trust (contract, organisation, identity provider, sponsor) through to its guests.
"""
