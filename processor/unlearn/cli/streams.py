"""The process's own standard streams, made so that using them fails in one way.

What can't be written to the standard output ends the command: OutputLost, or ReaderGone. What can't be written to
the standard error is dropped: there is no one to tell. Reading an input that is closed is InputLost.
Python alone prints nothing, with success, to an output that is closed, and gives the closed number to the next file
that is opened.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys
from typing import Any, TextIO

from unlearn.errors import InputLost, OutputLost, ReaderGone

__all__ = ["finish", "take_over"]

_GONE = (errno.EPIPE, errno.ECONNRESET)


class _Output(io.FileIO):
    """The standard output. `lost` is set by the first failure; what is written after that is dropped, so that only one
    error is raised."""

    lost: OutputLost | None = None

    def write(self, data: Any) -> int:
        while self.lost is None:
            try:
                written = super().write(data)
            except OSError as error:
                self._lose(error)
            else:
                if written is not None:
                    return written
                select.select([], [self], [])  # it is non-blocking, and full
        return len(data)

    def _lose(self, error: OSError) -> None:
        if error.errno in _GONE:
            self.lost = ReaderGone("whoever read the standard output has gone")
        else:
            self.lost = OutputLost(f"the standard output can't be written: {_reason(error)}")
        raise self.lost from error


class _Errors(_Output):
    def _lose(self, error: OSError) -> None:
        self.lost = OutputLost(f"the standard error can't be written: {_reason(error)}")


class _Input(io.FileIO):
    def readinto(self, buffer: Any) -> int | None:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise InputLost(f"the standard input can't be read: {_reason(error)}") from error


class _Text(io.TextIOWrapper):
    """Text output in the locale's encoding; characters that it lacks are written as escapes."""

    def __init__(self, raw: io.FileIO, old: TextIO | None, *, line_buffering: bool) -> None:
        self._name = codecs.lookup(old.encoding if old else "utf-8").name
        through = getattr(old, "write_through", False)
        super().__init__(
            io.BufferedWriter(raw), self._name, "backslashreplace", line_buffering=line_buffering, write_through=through
        )

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding's name; for ASCII one that click doesn't know.

        Click takes an ASCII output for a mistake in the locale, and would write UTF-8 to it.
        """
        return "ascii-with-escapes" if self._name == "ascii" else self._name


def take_over() -> None:
    """Put this module's streams in the place of the standard ones.

    A stream that somebody else has replaced is left alone.
    """
    for number, name, make in ((0, "stdin", _stdin), (1, "stdout", _stdout), (2, "stderr", _stderr)):
        old = getattr(sys, name)
        if old is getattr(sys, f"__{name}__"):
            if old is None:
                _occupy(number)
            setattr(sys, name, make(old))


def finish() -> None:
    """Write out what is buffered. Raises OutputLost, even if it was raised before and something has caught it."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Output) and raw.lost is not None:
        raise raw.lost


def _stdin(old: TextIO | None) -> TextIO:
    encoding = old.encoding if old else "utf-8"
    return io.TextIOWrapper(io.BufferedReader(_Input(0, "r", closefd=False)), encoding, "surrogateescape")


def _stdout(old: TextIO | None) -> TextIO:
    raw = _Output(1, "w", closefd=False)
    return _Text(raw, old, line_buffering=raw.isatty())


def _stderr(old: TextIO | None) -> TextIO:
    return _Text(_Errors(2, "w", closefd=False), old, line_buffering=True)


def _occupy(number: int) -> None:
    """Open the null device under a standard stream's closed number, but for writing where the stream reads, and vice
    versa.

    So no other file gets the number, and using the stream still fails.
    """
    mode = os.O_RDONLY if number == 1 else os.O_WRONLY
    opened = os.open(os.devnull, mode)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    os.set_inheritable(number, True)


def _reason(error: OSError) -> str:
    return "it is closed" if error.errno == errno.EBADF else error.strerror or type(error).__name__
