"""Moving buckets from the embedded Calypso to the hosted one: what goes, how it goes, and whether it arrived.

`plan` says what to move and what changes, `carrying` sends it, `checking` compares both sides.
Nothing is removed on the embedded side, and the same command resumes a move that was cut off.
"""
