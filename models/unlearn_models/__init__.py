"""The learning side: rows, learners that forget, canonical bytes. Knows nothing of Kafka, Redis or files.

Public are the names in `__all__`. Everything else may move or change with any release.
"""

from unlearn_models.base.encoding import decode_arrays, decode_state, digest, encode_arrays, encode_state, settings_hash
from unlearn_models.base.errors import BadRows, BadSettings, BadState, CannotForget, ModelError, NotLearned
from unlearn_models.base.learner import JSON, Ensemble, Learner, State
from unlearn_models.base.rows import Rows
from unlearn_models.registry import make_learner
from unlearn_models.text.hashing import hash_texts, murmur3

__all__ = [
    "JSON",
    "BadRows",
    "BadSettings",
    "BadState",
    "CannotForget",
    "Ensemble",
    "Learner",
    "ModelError",
    "NotLearned",
    "Rows",
    "State",
    "decode_arrays",
    "decode_state",
    "digest",
    "encode_arrays",
    "encode_state",
    "hash_texts",
    "make_learner",
    "murmur3",
    "settings_hash",
]
