"""What a sponsor sees: who waits for them, who is in on their word, and what they decided.

``decisions`` for requests, ``running`` for what somebody vouches for already, ``guests`` for the
people. ``desk`` lays out the page of one guest, ``rights`` says whose page it is and carries
decisions out; everything is decided by ``sponsorship.changes``.
"""

from portal.pages.sponsor import decisions, guests, running

counts = decisions.counts
BLUEPRINTS = (decisions.bp, running.bp, guests.bp)
