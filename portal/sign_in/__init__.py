"""The conversation with an identity provider, and the session that comes of it.

``journey`` writes an attempt (one row, one use, 15 minutes, bound to browser and provider) and
sends the browser away. ``oidc.finish`` talks to the provider: ``metadata`` knows its addresses and
keys, ``rules`` checks everything it says. Out comes a verified identity or a failure with its
reason. ``session`` holds the cookies; the rows behind them can be ended at once, everywhere.
"""
