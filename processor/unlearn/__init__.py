"""The stream side: a processor that keeps models in step with a log of inserts and deletions.

Public are the names in `__all__`, those of `unlearn_models.__all__`, the command `unlearn`, and the formats of topics
and settings. Everything else may move or change with any release. A name is imported when it is first used:
`import unlearn` itself loads neither Kafka's client nor compiled code.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unlearn.client.client import Client
    from unlearn.client.pending import Pending
    from unlearn.errors import (
        AnswerInvalid,
        ClientStopped,
        DeletionRefused,
        InputInvalid,
        LogDenied,
        LogUnavailable,
        NotEnough,
        NotSent,
        Refused,
        ScorerStopped,
        SettingsError,
        StillOpen,
        TopicMissing,
        Unavailable,
        UnlearnError,
    )
    from unlearn.results.manifest import Receipt
    from unlearn.scoring.scorer import Answer, Scorer, Served
    from unlearn.settings import Settings, load_settings

# Settings.
__all__ = ["Settings", "load_settings"]
# Sending: the client, a deletion that it sent, and what a receipt says of one.
__all__ += ["Client", "Pending", "Receipt"]
# Scoring: the scorer, one version of what it serves, and one answer.
__all__ += ["Answer", "Scorer", "Served"]
# Errors: the root of them all, and those that a caller of these can do something about.
__all__ += [
    "AnswerInvalid",
    "ClientStopped",
    "DeletionRefused",
    "InputInvalid",
    "LogDenied",
    "LogUnavailable",
    "NotEnough",
    "NotSent",
    "Refused",
    "ScorerStopped",
    "SettingsError",
    "StillOpen",
    "TopicMissing",
    "Unavailable",
    "UnlearnError",
]

_ELSEWHERE = {
    "Answer": "unlearn.scoring.scorer",
    "Client": "unlearn.client.client",
    "Pending": "unlearn.client.pending",
    "Receipt": "unlearn.results.manifest",
    "Scorer": "unlearn.scoring.scorer",
    "Served": "unlearn.scoring.scorer",
    "Settings": "unlearn.settings",
    "load_settings": "unlearn.settings",
}
"""The modules of the public names that are no errors."""


if not TYPE_CHECKING:  # a type checker would take every name for a public one

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(_ELSEWHERE.get(name, "unlearn.errors")), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
