"""Each alert asks for metrics that exist, has a page of the runbook, and a test that it fires."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.harness.metric_names import metric_names
from tests.harness.needed import lacking

ROOT = Path(__file__).parents[3]
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
CASES = RULES.with_name("rules_test.yml")
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())


def test_every_metric_that_an_alert_asks_for_exists(tmp_path: Path) -> None:
    there = metric_names(tmp_path).keys()
    asked = set(re.findall(r"\bunlearn_(?:worker|serve)_\w+", RULES.read_text()))

    assert len(asked) >= len(ALERTS)
    assert asked - there == set()


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(ALERTS)
    named = re.findall(r"runbook: docs/runbook\.md#(\w+)", RULES.read_text())
    assert named == [name.lower() for name in ALERTS]


def test_every_alert_is_seen_firing_and_seen_silent() -> None:
    cases = CASES.read_text()
    assert re.findall(r"alertname: (\w+)\n\s+exp_alerts:", cases) == ALERTS
    assert re.findall(r"alertname: (\w+)\}", cases) == ALERTS


def test_the_rules_do_what_their_tests_say() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        lacking("prometheus", "promtool is not here: it comes with Prometheus")
    for arguments in (["check", "rules", str(RULES)], ["test", "rules", str(CASES)]):
        done = subprocess.run([promtool, *arguments], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
