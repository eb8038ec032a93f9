"""Starting without the garbage collector.

Importing a thousand modules makes objects that all stay, and the collector walks through them again and
again: about a sixth of the time until the first answer. So it rests until the program stands.
"""

from __future__ import annotations

import gc


def rest() -> None:
    """Collect nothing until `work` is called."""
    gc.disable()


def work() -> None:
    """Collect again, and never again look at what has been loaded so far."""
    gc.freeze()
    gc.enable()
