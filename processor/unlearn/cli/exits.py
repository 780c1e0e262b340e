"""What each exit code means: one table for the help texts, docs/commands.md and the tests."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["COMMON", "OF_COMMANDS", "codes_of"]

COMMON: Mapping[int, str] = {
    0: "done",
    2: "wrong usage: the command's help tells the right one",
    64: "a setting is missing or wrong, or an extra that this needs isn't installed",
    65: "the start is refused, or the input is not what it should be",
    66: "a topic or a bucket is missing",
    69: "a service does not answer",
    70: "an error that was not foreseen; --traceback shows where it arose",
    74: "a file, the standard input or the standard output can't be read or written",
    75: "not now: try again later",
    77: "Kafka, Redis or the store refuses it",
    130: "interrupted",
    141: "whoever read the output has gone",
    143: "terminated",
}
"""The meanings that exit codes have for all commands, unless `OF_COMMANDS` gives a command's own."""

OF_COMMANDS: Mapping[str, Mapping[int, str]] = {
    "init": {0: "made, or there already", 64: "the file is another model's, or a variable beats it"},
    "services up": {0: "all answer", 69: "one can't be had here"},
    "services status": {0: "all answer", 1: "one does not"},
    "settings": {},
    "topics create": {0: "all topics are as they should be", 1: "one is not: each problem is named"},
    "topics check": {0: "all topics are as they should be", 1: "one is not: each problem is named"},
    "send": {0: "all is sent", 1: "some lines were refused: each is named, the others are sent"},
    "forget": {
        0: "all are hidden",
        1: "some were refused: they are listed, with the reasons",
        65: "an id is none, and nothing was sent",
        75: "some are not hidden yet: they are listed",
    },
    "drop": {
        0: "all rows are answered",
        65: "the list is not what it should be, and nothing was sent",
        75: "some rows have no answer yet: they are listed",
    },
    "work": {
        0: "stopped as asked; with --drain: all that the log held is published; with --check: it lives",
        1: "with --drain: told to stop before, a partition stopped or a shard in quarantine; with --check: it is stuck",
    },
    "gateway": {
        0: "stopped as asked; with --check: it could start",
        65: "the topics are others than when it started",
        69: "a service does not answer, or the address can't be had",
    },
    "serve": {
        0: "stopped as asked; with --check: all models can be served",
        64: "a setting is wrong, or was set and isn't the model's",
        69: "a service does not answer, or the address can't be had",
    },
    "status": {
        0: "all is well",
        1: "something is overdue or given up, or no worker takes the events of a partition that has begun",
        2: "a partition is stopped, or Redis or the store can't be used",
    },
    "pending": {0: "whatever was found"},
    "preview": {0: "whatever was found"},
    "record": {0: "whatever was found"},
    "answer": {0: "whatever was found"},
    "resolve": {0: "listed or closed", 65: "a place is none, or nothing is open there", 75: "asked, not done yet"},
    "retry": {
        0: "done, also where there was none",
        1: "the named shard is in no quarantine",
        65: "no such partition",
        75: "asked, not done yet",
    },
    "quiet": {
        0: "done, also where it was so already",
        1: "no partition has an owner of that name; with no name, none has any",
        75: "asked, not done yet",
    },
    "resume": {
        0: "done, also where it was so already",
        1: "no partition has an owner of that name; with no name, none has any",
        75: "asked, not done yet",
    },
    "console": {
        0: "stopped as asked; with --check: it could start, and the model was read",
        69: "a service does not answer, or the address can't be had",
    },
    "diff": {
        0: "told, as far as it is known",
        1: "texts were given, and can't be scored by both versions: the reason is told",
        65: "there is no such version, or a line can't be read",
    },
    "score": {
        0: "scored",
        65: "a line can't be read or scored, or is JSON without --jsonl or --text; the version can't be loaded",
        75: "no answer: fewer partitions can be served than the quorum, or the settings are not the model's",
    },
    "export": {
        0: "exported",
        65: "what is served is no one model, DIR is not empty, or a package or the duration is not right",
        75: "fewer partitions can be served than the quorum, or the settings are not the model's",
    },
    "verify": {
        0: "equal: every shard has the very bytes it must have",
        1: "different: a shard has not",
        2: "pending: equal, but something is not covered yet; or wrong usage",
        3: "incomparable: there is no telling from here; the table says why",
    },
    "demo": {
        0: "all is applied, each deletion hidden, each shard equal to a training without the deleted records",
        1: "something is not, or the demo could not run to its end",
    },
    "simulate": {0: "nothing is wrong", 1: "a seed failed, and is named", 69: "no Redis can be had"},
    "study": {
        0: "all is measured, each state equal to a retrained one",
        1: "a state is not",
        2: "wrong usage or data: file and line are named",
    },
}
"""Command -> its own meanings of exit codes, for those that have any."""


def codes_of(command: str) -> Mapping[int, str]:
    """The command's own codes; {} if it has none. `command` is without the program's name."""
    return OF_COMMANDS.get(command, {})
