"""Every error the processor raises on purpose, in one tree.

UnlearnError
├── SettingsError         a setting is missing or wrong                        exit 64
│   └── ExtraMissing      an extra of the distribution isn't installed
├── Refused               a start is refused: the message says what to do      exit 65
│   ├── IdentityChanged   the model was made with other settings
│   ├── LogDiverged       the log is not the one that was applied
│   │   └── LogUnreadable     records of it can't be decoded
│   ├── StateMissing      Redis lost a model that has published
│   └── VersionRefused    a version must not be loaded, or can't be any more
├── Unavailable           a service can't be reached; worth another try        exit 69
│   ├── LogUnavailable
│   │   ├── LogDenied     ... for want of rights or by a wrong login            exit 77
│   │   └── RegistryUnavailable   the schema registry, whose schemas the log's records need
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
├── NotSent               events that the log hasn't acknowledged              exit of the log's error
├── DeletionRefused       a deletion can't be applied: its receipt says why    exit 65
├── StillOpen             a deletion hasn't come so far in the time given      exit 75
├── ClientStopped         a client that sends no more
├── AnswerInvalid         what a model says of an input is no probability      exit 65
├── HttpRefused           a request over HTTP is refused, with a status code
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
    """A setting is missing or wrong; the text names it."""

    exit_code = 64


class NotDescribed(SettingsError):
    """Manifests of an earlier release don't say what their model is: whoever serves it needs its settings."""


class ExtraMissing(SettingsError):
    """What is asked for needs an extra that isn't installed here. `module` is one that the extra would install."""

    def __init__(self, what: str, extra: str, module: str) -> None:
        how = f"pip install 'unlearn-stream[{extra}]'"
        super().__init__(f"{what} needs the [{extra}] extra: {how} ({module} is missing)")
        self.extra, self.module = extra, module


class Refused(UnlearnError):
    """A start is refused, because going on would harm the model or can't work; the text says what to do."""

    exit_code = 65


class IdentityChanged(Refused):
    """The model was made with other settings."""


class LogDiverged(Refused):
    """The log is not the one that was applied: it was cut off, or made again."""


class LogUnreadable(LogDiverged):
    """Records can't be decoded, or not be read again; `offset` is that of the first."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class StateMissing(Refused):
    """Redis holds nothing of a model, or of a partition of it, that should be there."""


class VersionRefused(Refused):
    """A version must not be loaded, as it holds records that were deleted since; or its states are gone."""


class Unavailable(UnlearnError):
    """A service can't be reached; another try may succeed."""

    exit_code = 69


class LogUnavailable(Unavailable):
    """Kafka gives no answer."""


class RegistryUnavailable(LogUnavailable):
    """A schema registry gives no answer, so records of the log can't be read now."""


class StateUnavailable(Unavailable):
    """Redis gives no answer, or refuses writes for now."""


class StateDenied(StateUnavailable):
    """Redis refuses a login, a right, TLS or a database.

    At a start it is final; a running process waits until it is over.
    """

    exit_code = 77


class StateUnsupported(StateDenied):
    """Redis is of a kind that isn't supported, such as a Cluster or a Sentinel."""

    exit_code = 65


class StoreUnavailable(Unavailable):
    """The store can't be read or written."""


class ArtefactMissing(StoreUnavailable):
    """The store can be read, but has no file of this name."""


class ServiceUnavailable(Unavailable):
    """A local service can't be started on this machine."""


class TopicMissing(UnlearnError):
    """The topic, or its partition, isn't there."""

    exit_code = 66


class LogRefused(UnlearnError):
    """Kafka refuses what it was given, such as a record that is too large."""

    exit_code = 77


class LogDenied(LogRefused, LogUnavailable):
    """Kafka refuses rights or a login. At a start it is final; a running process waits until it is over."""

    exit_code = 77


class Fenced(UnlearnError):
    """Another owner has claimed the partition, so this one may write no more."""


class RolledBack(UnlearnError):
    """Redis holds less than this owner has written to it, as after a restored backup."""


class ArtefactInvalid(UnlearnError):
    """A stored file isn't what the reference to it says."""


class StateInvalid(ArtefactInvalid):
    """The file of a learner's state is spoilt or gone; the state can be learned anew."""


class NotEnough(UnlearnError):
    """Fewer partitions can be served than the quorum. `left_out` are those that can't be served now."""

    exit_code = 75

    def __init__(self, message: str, left_out: tuple[int, ...]) -> None:
        super().__init__(message)
        self.left_out = left_out


class ScorerStopped(UnlearnError):
    """The scorer answers no more: it was closed, an error ended it, or it was made before this process was forked and
    can't connect anew."""


class NotSent(UnlearnError):
    """The log hasn't acknowledged events, for the reason that is the error's cause. `event_ids` are all of them.

    Some may be in the log all the same; sending them again with the same ids is safe.
    """

    def __init__(self, event_ids: tuple[str, ...], cause: UnlearnError) -> None:
        others = f" and {len(event_ids) - 1} more" if len(event_ids) > 1 else ""
        super().__init__(
            f"Kafka has not acknowledged event {event_ids[0]}{others}: {cause}; sending again by the same ids is safe"
        )
        self.event_ids = event_ids
        self.exit_code = cause.exit_code


class DeletionRefused(UnlearnError):
    """A deletion can't be applied, for `reason`. It stays open until an operator closes it.

    `receipt` is the one that says so, an `unlearn.Receipt`.
    """

    exit_code = 65

    def __init__(self, event_id: str, reason: str, receipt: object) -> None:
        super().__init__(
            f"the deletion {event_id} was refused: {reason}; send it right under another event id, and have its "
            "operator close this one (`unlearn resolve`)"
        )
        self.reason = reason
        self.receipt = receipt


class StillOpen(UnlearnError):
    """A deletion hasn't come to the state that was waited for in the time given. It is sent, and stays so."""

    exit_code = 75


class ClientStopped(UnlearnError):
    """The client sends no more: it was closed, or it was made before this process was forked and can't connect
    anew."""


class AnswerInvalid(UnlearnError):
    """What a model says of an input is no probability. `row` is the input's place, from 0."""

    exit_code = 65

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row


class InputInvalid(UnlearnError):
    """A line of the input, or an argument, isn't what it should be."""

    exit_code = 65


class HttpRefused(UnlearnError):
    """A request over HTTP is refused: its answer has the status `code`, and tells to come again in `retry_after` s."""

    def __init__(self, code: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class FileUnusable(UnlearnError):
    """A file can't be read or written."""

    exit_code = 74


class InputLost(FileUnusable):
    """The standard input can't be read."""


class OutputLost(FileUnusable):
    """The standard output can't be written."""


class ReaderGone(OutputLost):
    """The standard output can't be written because its reader has gone."""

    exit_code = 141


class DemoFailed(UnlearnError):
    """The demo could not run to its end."""

    exit_code = 1
