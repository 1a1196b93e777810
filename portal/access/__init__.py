"""What may this guest use now, until when, and why? A pure function of rows and the clock.

Asked on every request with one indexed read. Jobs only tell people and tidy up: a dead worker, a
stopped scheduler or an empty Redis never lengthen anybody's access.
"""
