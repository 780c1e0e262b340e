"""Every error the models raise on purpose, in one tree.

ModelError
├── BadSettings     no such learner, or a setting it can't take
├── BadRows         rows that are malformed, or that the learner can't take
├── BadState        bytes or arrays that are no state of this learner
├── NotLearned      rows to forget that the state doesn't hold
├── RowsNeeded      a stored state only scores; to go on, the learner needs its rows again
├── KernelsMissing  a compiled kernel that has no plain way, where numba isn't installed
└── CannotForget    the learner has no exact inverse
"""

from __future__ import annotations


class ModelError(Exception):
    """Root of the tree; its text is a sentence for people, without any row's values."""


class BadSettings(ModelError):
    """There is no learner of this name, or a setting has a value that it can't take."""


class BadRows(ModelError):
    """Rows whose arrays are malformed, or that the learner does not accept."""


class BadState(ModelError):
    """Bytes or arrays that are no canonical state of this learner with these settings."""


class NotLearned(ModelError):
    """Rows to forget that the state does not hold."""


class RowsNeeded(ModelError):
    """A stored state can only score; to learn or forget from it, the learner needs its rows again."""


class CannotForget(ModelError):
    """The learner has no exact inverse of `learn`."""


class KernelsMissing(ModelError, ModuleNotFoundError):
    """Compiled kernels are needed for `what`, and numba isn't installed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} can't be compiled: numba is missing; pip install 'unlearn-stream[worker]'")
        self.name = "numba"
