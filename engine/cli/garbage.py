"""Processes that end with their result, and have no use for Python's garbage collector."""

import atexit
import gc

__all__ = ["never_collect"]


def never_collect() -> None:
    """Collect nothing until the process ends: it would take a quarter of a check's time and free nothing.

    Nor has the collection at Python's end anything to look at, which no switch turns off.
    """
    gc.disable()
    atexit.register(gc.freeze)
