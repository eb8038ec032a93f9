"""Rules of an upload: its declaration, its limits, and the state machines of uploads."""
