"""A random forest that forgets exactly."""

from models.forest.forest import Forest
from models.forest.learner import PRESETS, ForestLearner, GrownState
from models.forest.settings import Settings
from models.forest.storage import load, save

__all__ = ["PRESETS", "Forest", "ForestLearner", "GrownState", "Settings", "load", "save"]
