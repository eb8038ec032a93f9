"""What a person sees in a terminal: hits, outcomes, progress, and how wide the terminal is."""
