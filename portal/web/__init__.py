"""The HTTP kit: security, guards, forms, errors, and how things are shown. It knows no domain.

``app`` wires it: who looks at a page (``guards``), who is told of a refusal (``errors``) and what
counts next to the navigation (``navigation``) are handed in, since this room knows none of them.
"""
