"""Decodes bytes with declared, marked or guessed encodings. The readers interpret the text."""
