"""Access for several callers over HTTP: who may call, what each may reach, how much and how often."""
