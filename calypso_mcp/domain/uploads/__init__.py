"""Rules of an upload: what is declared, what is allowed, and the state machines of files on their way."""
