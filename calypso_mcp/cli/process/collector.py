"""Starting without the garbage collector.

Importing a thousand modules creates objects that all stay. Walking through them again and again takes the
collector a sixth of the time until the first answer, so it rests until the program has started.
"""

from __future__ import annotations

import gc
from typing import Final

#: New objects after which the collector examines the youngest.
_NEW_OBJECTS: Final = 10_000


def rest() -> None:
    """Collect nothing until `work` is called."""
    gc.disable()


def work() -> None:
    """Collect again, but never what has been loaded so far.

    A call with a thousand files creates many objects that live until it ends, and hardly any cycles.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    gc.enable()
