"""The shared suite, on a real broker."""

from tests.log_suite import *  # noqa: F403
