"""What all threads are doing, for the log. Lines of code alone: no value of a variable is in it."""

from __future__ import annotations

import sys
import threading
import traceback

__all__ = ["all_stacks"]


def all_stacks() -> str:
    """The stack of each thread, by its name."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = []
    for ident, frame in sys._current_frames().items():  # noqa: SLF001  the only way to other threads' frames
        parts.append(f"thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}")
    return "\n".join(parts)
