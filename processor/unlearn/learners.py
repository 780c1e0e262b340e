"""The learner that the settings name."""

from __future__ import annotations

from unlearn.errors import SettingsError
from unlearn.settings import Settings
from unlearn_models import Learner, make_learner
from unlearn_models.base.errors import BadSettings

__all__ = ["learner_of"]


def learner_of(settings: Settings) -> Learner:
    """The learner that the settings name. Raises SettingsError where it can't be made with its options."""
    try:
        return make_learner(settings.learner, settings.classes, settings.features, **settings.learner_options)
    except BadSettings as error:
        raise SettingsError(f"the learner {settings.learner} can't be made: {error}") from None
