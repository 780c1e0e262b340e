"""The learning side: rows, learners that forget, canonical bytes.  Knows nothing of Kafka, Redis or files."""

from models.digest import decode_arrays, decode_state, digest, encode_arrays, encode_state, settings_hash
from models.errors import BadRows, BadSettings, BadState, CannotForget, ModelError, NotLearned
from models.learner import JSON, Ensemble, Learner, State
from models.registry import make_learner
from models.rows import Rows
from models.text import hash_texts, murmur3

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
