"""What leaves the portal: messages as rows, written with the change they tell of.

``changes.put`` writes, ``jobs.drain`` claims, sends and settles. A lost wake-up loses nothing.
"""
