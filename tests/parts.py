"""Parts of a configuration that have travelled."""

from engine.snapshot import Part, load_steps

__all__ = ["load"]


def load(data: bytes) -> Part:
    """The part that `dump` wrote, loaded in one go."""
    steps = load_steps(data)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            part: Part = done.value
            return part
