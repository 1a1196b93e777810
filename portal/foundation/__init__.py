"""Ground floor: settings, clocks, text, database, transaction, queue, crypto, egress.

It knows no domain and imports nothing of the house.
"""
