"""Every error the processor raises on purpose, in one tree.

UnlearnError
├── SettingsError         a setting is missing or wrong                        exit 64
├── Refused               a start is refused: the message says what to do      exit 65
│   ├── IdentityChanged   the model was made with other settings
│   ├── LogDiverged       the log is not the one that was applied
│   │   └── LogUnreadable     records of it can't be decoded
│   └── StateMissing      Redis lost a model that has published
├── Unavailable           a service can't be reached; worth another try        exit 69
│   ├── LogUnavailable
│   │   └── LogDenied     ... for want of rights or by a wrong login            exit 77
│   ├── StateUnavailable
│   │   └── StateDenied       Redis says no: login, rights, TLS, database       exit 77
│   │       └── StateUnsupported  a Redis of another kind: Cluster, Sentinel    exit 65
│   ├── StoreUnavailable
│   │   └── ArtefactMissing   the store answers: it has no such file
│   └── ServiceUnavailable    a local service can't be started here
├── TopicMissing          the topic isn't there                                exit 66
├── LogRefused            the log says no to what it was given: its size, ...  exit 77
│   └── LogDenied         (this one too)
├── Fenced                another owner holds the partition
├── RolledBack            Redis holds less than this owner has written
├── ArtefactInvalid       a stored file isn't what its reference says
│   └── StateInvalid      that of a state, or it is gone: it can be learned anew
├── NotEnough             fewer partitions can be served than the quorum       exit 75
├── ScorerStopped         a scorer that follows its model no more
├── AnswerInvalid         what a model says of an input is no probability      exit 65
├── InputInvalid          a line of the input isn't what it should be          exit 65
├── FileUnusable          a file can't be read or written                      exit 74
│   ├── InputLost         the standard input can't be read
│   └── OutputLost        the standard output can't be written
│       └── ReaderGone    because whoever read it has gone                     exit 141
└── DemoFailed            the demo could not run to its end                    exit 1
"""

from __future__ import annotations


class UnlearnError(Exception):
    """Root of the tree; its text is a sentence for people."""

    exit_code = 70


class SettingsError(UnlearnError):
    exit_code = 64


class Refused(UnlearnError):
    exit_code = 65


class IdentityChanged(Refused):
    pass


class LogDiverged(Refused):
    pass


class LogUnreadable(LogDiverged):
    """What lies from `offset` on can't be decoded."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class StateMissing(Refused):
    pass


class Unavailable(UnlearnError):
    exit_code = 69


class LogUnavailable(Unavailable):
    pass


class StateUnavailable(Unavailable):
    pass


class StateDenied(StateUnavailable):
    """A login, a right, TLS or a database is refused: final for who starts, waited out by who runs."""

    exit_code = 77


class StateUnsupported(StateDenied):
    exit_code = 65


class StoreUnavailable(Unavailable):
    pass


class ArtefactMissing(StoreUnavailable):
    pass


class ServiceUnavailable(Unavailable):
    pass


class TopicMissing(UnlearnError):
    exit_code = 66


class LogRefused(UnlearnError):
    exit_code = 77


class LogDenied(LogRefused, LogUnavailable):
    """Rights or a login are refused: final for who starts, waited out by who runs."""

    exit_code = 77


class Fenced(UnlearnError):
    pass


class RolledBack(UnlearnError):
    pass


class ArtefactInvalid(UnlearnError):
    pass


class StateInvalid(ArtefactInvalid):
    pass


class NotEnough(UnlearnError):
    """`left_out` are the partitions that can't be served now."""

    exit_code = 75

    def __init__(self, message: str, left_out: tuple[int, ...]) -> None:
        super().__init__(message)
        self.left_out = left_out


class ScorerStopped(UnlearnError):
    """It was closed, an error has ended it, or this process is a fork of its own that can't begin anew."""


class AnswerInvalid(UnlearnError):
    """`row` is the input's place, from 0."""

    exit_code = 65

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row


class InputInvalid(UnlearnError):
    exit_code = 65


class FileUnusable(UnlearnError):
    exit_code = 74


class InputLost(FileUnusable):
    pass


class OutputLost(FileUnusable):
    pass


class ReaderGone(OutputLost):
    exit_code = 141


class DemoFailed(UnlearnError):
    exit_code = 1
