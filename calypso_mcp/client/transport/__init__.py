"""Requests over HTTP: connections, retries, pacing, bodies, errors, and the observation of all of them.

Not here: what the requests are about.
"""
