"""Moving buckets from the embedded Calypso to the hosted one: what goes, how it goes, and whether it arrived.

`plan` says what is to be moved and what changes by it, `carrying` sends it, `checking` compares both sides.
Nothing is removed on the embedded side, and a move that was cut off goes on with the same command.
"""
