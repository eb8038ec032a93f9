"""Coordinates several processes on one data folder: locks, presence, and the address that serves it.

Not here: the database's own transactions (`store`).
"""
