"""The guest record: one person's affiliation with one connected organisation.

Known by its federated identity (organisation, issuer, subject), never by address. ``changes`` alone
writes a guest's state, in one UPDATE with its audit events, and keeps the organisation's seats.
"""
