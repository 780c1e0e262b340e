"""A user without a home and a name, who can't write to the installation, does with every command what others do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest

from tests.conftest import MakeSettings
from tests.harness.gateway import gateway_files
from tests.harness.settings import SECRET
from tests.unit.unprivileged import NAMELESS, Installation, installed
from unlearn.cli.main import COMMANDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

EVENTS = "".join(
    json.dumps({"type": "insert", "event_id": f"e{n}", "record_id": f"r{n}", "label": label, "text": text}) + "\n"
    for n, (label, text) in enumerate((("spam", "win cash now"), ("ham", "see you at noon")))
)
LINES = (
    "init mail",
    "services status",
    "settings",
    "topics create",
    "topics check",
    "send {home}/events.jsonl",
    "forget --check --records {home}/texts",
    "work --drain",
    "gateway --check",
    "serve --check",
    "console --check",
    "drop {home}/list.csv {home}/answers.csv --exempt {home}/hashes",
    "status",
    "pending",
    "preview --record r0",
    "record r0",
    "answer --record r0",
    "send --delete-record r0",
    "work --drain",
    "resolve",
    "retry",
    "manifest",
    "versions",
    "diff 0",
    "score {home}/texts",
    "export --to sklearn {home}/export",
    "verify",
    "verify --from-log",
    "schemas",
)
OTHERS = {"study", "demo", "simulate", "quiet", "resume"}
"""The first needs no services; see `test_the_study_draws_and_complains_of_no_place`. The next two start Python and
Redis by their paths, and this user's Python has none; see `Installation.run`. The last two ask a worker that runs."""


@pytest.fixture(scope="module")
def whole() -> Iterator[Installation]:
    with installed(compiled=True) as made:
        yield made


def test_every_command_does_its_work(whole: Installation, make_settings: MakeSettings) -> None:
    assert {line.split()[0] for line in LINES} | OTHERS == set(COMMANDS)
    (whole.home / "events.jsonl").write_text(EVENTS)
    (whole.home / "texts").write_text("win cash now\n")
    (whole.home / "list.csv").write_text("ID,Hash\n1,a\n")
    (whole.home / "hashes").write_text("a\n")
    variables = of_a_model(make_settings, whole)
    for line in LINES:
        told = {"UNLEARN_CONFIG": str(whole.home / "mail.toml")} if line.startswith("init") else variables
        done = whole.unlearn(*line.format(home=whole.home).split(), user=NAMELESS, variables=told)
        assert done.returncode == 0, f"{line}: {done.stdout[-500:]} {done.stderr[-2000:]}"
        assert "Traceback" not in done.stderr


def of_a_model(make_settings: MakeSettings, whole: Installation) -> Mapping[str, str]:
    """A new model's settings, as variables: its store is in the one place that the user can write to."""
    settings, files = make_settings(), gateway_files(whole.home / "gateway")
    return {
        "UNLEARN_MODEL": settings.model,
        "UNLEARN_SECRET": SECRET,
        "UNLEARN_PARTITIONS": "1",
        "UNLEARN_TRAINERS": "0",
        "UNLEARN_LEASE": "3600",  # `status` ends with 1 once no worker was heard for so long
        "UNLEARN_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "UNLEARN_REDIS__URL": settings.redis.url.get_secret_value(),
        "UNLEARN_STORE__URL": (whole.home / "store").as_uri(),
        "UNLEARN_SERVICES_DIR": str(whole.home / "services"),
        **{f"UNLEARN_GATEWAY__{name.upper()}": str(value) for name, value in files.items()},
    }
