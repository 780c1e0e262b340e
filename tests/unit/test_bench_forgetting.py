from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.quick_bench import figures_of_quick_run


@pytest.mark.slow
@pytest.mark.soak
def test_a_quick_run_forgets_each_and_has_every_figure(kafka: str, redis_url: str, tmp_path: Path) -> None:
    figures, _ = figures_of_quick_run("forget", kafka, redis_url, tmp_path)

    rates = {"forget.hidden_per_second", "forget.sent_per_second"}
    assert figures.keys() == rates | {"forget.hidden", "forget.listed", "forget.again"}
    assert figures["forget.hidden"]["peer"] > 0
