"""Output in a terminal: hits, outcomes and progress, within the terminal's width."""
