"""Leaders of partitions killed, and workers restarted one after the other: nothing is lost, and nothing moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.rolling import roll

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]


def test_a_rolling_restart_moves_nothing_while_brokers_die(tmp_path: Path) -> None:
    outcome = roll(tmp_path, 0.75)
    assert outcome.kills >= 2
    assert outcome.restarts >= 2
    assert outcome.wrong() == []
