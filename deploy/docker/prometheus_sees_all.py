"""Run by check_compose.sh with Prometheus' URL: it scrapes every target of prometheus.yml, and evaluates every rule.

Exit code 0 if so; else it says what it doesn't, and ends with 1.
"""

import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parents[1]


def told(url: str, path: str) -> Any:
    """What Prometheus answers on this path of its API."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/api/v1/{path}", None, 20) as answer:
        return json.load(answer)["data"]


def wrong(url: str) -> Iterator[str]:
    """What isn't as the files have it, a line each."""
    jobs = yaml.safe_load((DEPLOY / "docker/prometheus.yml").read_text())["scrape_configs"]
    wanted = {
        (job["job_name"], target) for job in jobs for group in job["static_configs"] for target in group["targets"]
    }
    ups = {
        (one["metric"]["job"], one["metric"]["instance"]): one["value"][1]
        for one in told(url, "query?query=up")["result"]
    }
    for job, target in sorted(wanted | ups.keys()):
        if ups.get((job, target)) != "1" or (job, target) not in wanted:
            yield f"up of {target} in job {job}: {ups.get((job, target), 'there is none')}"
    groups = yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text())["groups"]
    rules = {rule["alert"] for group in groups for rule in group["rules"]}
    evaluated = {
        rule["name"]
        for group in told(url, "rules")["groups"]
        for rule in group["rules"]
        if rule["health"] == "ok" and not rule["lastEvaluation"].startswith("0001")
    }
    for name in sorted(rules ^ evaluated):
        yield f"the rule {name} is {'not evaluated' if name in rules else 'none of ours'}"


if __name__ == "__main__":
    lines = list(wrong(sys.argv[1]))
    print("\n".join(lines) or "all targets are up, and all rules evaluated")
    sys.exit(bool(lines))
