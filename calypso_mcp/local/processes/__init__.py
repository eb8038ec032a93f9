"""Coordinates several processes on one data folder: locks, presence and turns.

Not here: the database's own transactions (`store`).
"""
