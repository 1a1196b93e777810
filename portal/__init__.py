"""The guest portal: people of other companies get in through their own company's sign-in.

A map of the house, in the order in which a first sign-in walks it:

``pages/sign_in`` -> ``sign_in`` (the conversation with the identity provider) -> ``admission``
(may this identity come in?) -> ``guests`` and ``sponsorship`` (the record, and who vouches) ->
``audit`` and ``delivery`` (what happened, and who is told) -> ``access`` (asked on every request).
``trust`` says whom we trust, ``lifecycle`` says what the passing of time does to people.
``foundation`` knows no domain; ``web`` is the HTTP kit; ``pages`` and ``commands`` are the edges.
"""

__version__ = "0.1.0"
