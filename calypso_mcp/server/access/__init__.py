"""Who may call a server that several callers share, with which ceiling, how much and how often."""
