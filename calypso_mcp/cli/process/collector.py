"""Starting without the garbage collector.

Importing a thousand modules makes objects that all stay, and the collector walks through them again and
again: about a sixth of the time until the first answer. So it rests until the program stands.
"""

from __future__ import annotations

import gc
from typing import Final

#: New objects after which the youngest are looked through.
_NEW_OBJECTS: Final = 10_000


def rest() -> None:
    """Collect nothing until `work` is called."""
    gc.disable()


def work() -> None:
    """Collect again, and never again look at what has been loaded so far.

    A call with a thousand files makes many objects that stay until its end, and hardly a cycle.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    gc.enable()
