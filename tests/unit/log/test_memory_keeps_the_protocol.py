"""The shared suite, on the in-process log."""

from tests.log_suite import *  # noqa: F403
