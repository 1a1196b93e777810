"""Change sponsorships: ``writing`` writes, ``settling`` does what is due, the rest decides."""
