"""Every error the models raise on purpose, in one tree.

ModelError
├── BadSettings     no such learner, or a setting it can't take
├── BadRows         rows that are no rows, or that the learner can't take
├── BadState        bytes or arrays that are no state of this learner
├── NotLearned      rows to forget that the state doesn't hold
├── RowsNeeded     a stored state only scores; to go on, the learner needs its rows again
└── CannotForget    the learner has no exact inverse
"""

from __future__ import annotations


class ModelError(Exception):
    """Root of the tree; its text is a sentence for people, without any row's values."""


class BadSettings(ModelError):
    pass


class BadRows(ModelError):
    pass


class BadState(ModelError):
    pass


class NotLearned(ModelError):
    pass


class RowsNeeded(ModelError):
    pass


class CannotForget(ModelError):
    pass
