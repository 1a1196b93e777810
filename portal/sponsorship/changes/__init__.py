"""Change sponsorships: ``writing`` writes, ``settling`` carries out what time did, the rest decides."""
