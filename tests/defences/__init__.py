"""Every named case, seen red: which line defends it, and which test fails without that line.

``catalogue`` lists the defences by the parts of the cases, ``proof`` takes one away in a copy of
the checkout and runs its tests, ``python -m tests.defences [IDS]`` does so for all or some.
"""
