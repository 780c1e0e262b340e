"""A random forest that forgets exactly."""

from unlearn_models.forest.forest import Forest
from unlearn_models.forest.learner import PRESETS, ForestLearner, GrownState
from unlearn_models.forest.settings import Settings
from unlearn_models.forest.storage import load, save

__all__ = ["PRESETS", "Forest", "ForestLearner", "GrownState", "Settings", "load", "save"]
