"""What a sponsor sees: who waits for them, who is in on their word, and what they decided.

``decisions`` for one sponsorship, ``guests`` for one person. ``rights`` says whose page it is, and
carries decisions out; everything is decided by ``sponsorship.changes``.
"""

from portal.pages.sponsor import decisions, guests

BLUEPRINTS = (decisions.bp, guests.bp)
