"""Reads text in pictures with the installed engine. Each format decides which pages need it."""
