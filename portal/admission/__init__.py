"""May this identity come in? Decided purely, with every reason, then carried out.

A refusal leaves an audit event; a new person becomes an arrival, asked once for the terms and
decided again when they accept; a known one is refreshed and signed in.
"""
