"""Who vouches for whom, for what, until when.

A guest's arrival asks for a sponsorship; an employee approves, rejects or hands it over; time ends
it. ``changes`` is a package: ``writing`` alone writes a sponsorship's state, ``settling`` applies
what is due, ``deciding`` what people decide, ``grants`` what the guest may use. Whoever decides
settles first, so that no schedule of sweeps can change an outcome.
"""
