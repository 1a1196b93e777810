"""Employees of the host: sponsors, who vouch, and admins, who configure trust.

They are bound by (issuer, subject) of the host's own identity provider, never by address. No claim
of a partner can make one: nothing outside this room and the host's sign-in writes these tables.
"""
