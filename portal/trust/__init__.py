"""Whom we trust: organisations, their contracts, domains, policies, identity providers, sponsors.

An admin writes all of it, and every edit is an audit event. A contract's end is an instant computed
once from a local last day; policies are rows with the moment from which they count, the
portal-wide defaults too. What a change of trust does to people stands in ``lifecycle``.
"""
