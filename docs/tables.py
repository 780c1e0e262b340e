"""Writes what is generated in docs: `python docs/tables.py`.

Tables go into the pages between their markers; schemas, the AsyncAPI document, the Node client's table of letters and
the console's runbook are files of their own.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner
from prometheus_client.core import Metric
from pydantic import BaseModel

from unlearn.cli.exits import COMMON, OF_COMMANDS
from unlearn.cli.formats.files import files
from unlearn.cli.main import COMMANDS, cli
from unlearn.cli.needs import NEEDS
from unlearn.extras import EXTRAS
from unlearn.forwarding.dead_letter import DeadLetter
from unlearn.forwarding.dues import counter_of
from unlearn.monitoring.metrics import About, Lag, Seen, Totals, WorkerMetrics
from unlearn.monitoring.snapshot import PartitionFacts, Snapshot
from unlearn.results.history import PublishedVersion
from unlearn.results.manifest import Fingerprint, Heartbeat, Manifest, ShardEntry, TokenField
from unlearn.scoring.trust import RULES
from unlearn.state.rights import acl_of
from unlearn_models.text.letters import FILE as LETTERS

ROOT = Path(__file__).resolve().parent.parent
_FOR = {
    "avro": "messages in Avro, see [mappings](mappings.md)",
    "aws": "the login of Amazon's managed Kafka, see [security](security.md)",
    "codecs": "batches and files that are packed by snappy, lz4 or zstd",
    "export": "exports to safetensors and ONNX, see [versions](versions.md)",
    "s3": "stores in buckets of S3, Azure and, untried, Google, see [stores](stores.md)",
    "serve": "scores over HTTP",
    "gssapi": "Kerberos' login to Kafka; built against the system's library, see [security](security.md)",
    "gateway": "deletions over HTTP",
    "console": "a page that shows operators how a model stands, see [console](console.md)",
    "ops": "the operators' commands, which ask Redis",
    "local": "Kafka and Redis on this machine; carries a Redis",
    "study": "the comparison of methods, and the demo's accuracy",
    "worker": "workers, and the checks of what they publish; has what is in `codecs` and `ops`",
}
"""What each extra is for."""


def with_tables(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """A page's text with these tables as they are now. Raises ValueError where a marker is missing."""
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        start = text.index(begin) + len(begin)
        text = f"{text[:start]}{table()}\n{text[text.index(end, start) :]}"
    return text


def _settings() -> str:
    return CliRunner().invoke(cli, ["settings", "--markdown"], catch_exceptions=False).stdout.strip()


def _commands() -> str:
    return "\n".join(["| command | for | exit codes of its own |", "|---|---|---|", *map(_row, COMMANDS)])


def _row(name: str) -> str:
    root = click.Context(cli, info_name="unlearn")
    command = cli.get_command(root, name)
    assert command is not None
    ctx = click.Context(command, info_name=name, parent=root)
    if isinstance(command, click.Group):
        subs = command.list_commands(ctx)
        usage = "\\|".join(subs)
        codes = [f"`{sub}`: {text}" for sub in subs if (text := _codes(f"{name} {sub}"))]
    else:
        usage = " ".join(piece for piece in command.collect_usage_pieces(ctx) if piece != "[OPTIONS]")
        usage, codes = usage.replace("|", "\\|"), [_codes(name)]
    cells = (f"`unlearn {f'{name} {usage}'.strip()}`", command.get_short_help_str(200), "; ".join(filter(None, codes)))
    return f"| {' | '.join(cells)} |"


def _codes(name: str) -> str:
    return "; ".join(f"{code} {meaning}" for code, meaning in OF_COMMANDS.get(name, {}).items())


def _extras() -> str:
    named = {extra: ", ".join(f"`unlearn {name}`" for name in NEEDS if extra in NEEDS[name]) for extra in EXTRAS}
    rows = [f"| `{extra}` | {_FOR[extra]} | {named[extra]} |" for extra in EXTRAS]
    return "\n".join(["| extra | for | commands that need it |", "|---|---|---|", *rows])


def _common() -> str:
    rows = [f"| {code} | {text} |" for code, text in COMMON.items()]
    return "\n".join(["| exit code | meaning |", "|---:|---|", *rows])


def _dialects() -> str:
    return "\n\n".join(_dialect(path) for path in sorted((ROOT / "tests/data/dialects").glob("*.jsonl")))


def _dialect(path: Path) -> str:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [f"| {line['what']} | {_became(line['becomes'])} |" for line in lines]
    return "\n".join([f"| `{path.stem}` | becomes |", "|---|---|", *rows])


def _became(outcome: Any) -> str:
    if not isinstance(outcome, dict):
        return str(outcome)
    ((kind, said),) = outcome.items()
    if isinstance(said, str):
        return f"{kind}: {said}"
    shown = ("record_id", "subject_id", "alias", "revision", "scope")
    named = ", ".join(f"{name} `{said[name]}`" for name in shown if name in said)
    return f"**{kind}** {named}"


def _rules() -> str:
    rows = [f"| {number} | `{rule.__name__}` | {_first_line(rule)} |" for number, rule in enumerate(RULES, 1)]
    return "\n".join(["| | rule | what it does |", "|---:|---|---|", *rows])


def _first_line(thing: object) -> str:
    return (thing.__doc__ or "").strip().partition("\n")[0]


def _fields(model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    required = schema.get("required", [])
    rows = [_field(name, found, required=name in required) for name, found in schema["properties"].items()]
    return "\n".join(["| field | type | what it is |", "|---|---|---|", *rows])


def _field(name: str, schema: Mapping[str, Any], *, required: bool) -> str:
    default = "" if required else f" = `{json.dumps(schema['default'])}`"
    return f"| `{name}` | {_type(schema)}{default} | {schema.get('description', '').replace('|', chr(92) + '|')} |"


def _type(schema: Mapping[str, Any]) -> str:
    """A JSON Schema's type in few words."""
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return "one of those below"
    if digits := re.fullmatch(r"\^\(?\[0-9a-f\]\{(\d+)\}(\)\?)?\$", schema.get("pattern", "")):
        return f"{digits[1]} hex digits"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}" if "items" in schema else "pair"
    least = f" from {schema['minimum']}" if "minimum" in schema else ""
    longest = f" up to {schema['maxLength']:,}" if "maxLength" in schema else ""
    return f"{schema['type']}{least}{longest}"


def _metrics() -> str:
    facts = PartitionFacts(0, (), False, False, 0, 0, 0, {"current": 1}, 0, None, 0, 0, 0, None, 0.0, 0, 0)
    counts = Counter({counter_of("a reason"): 1})
    snapshot = Snapshot(0.0, {0: facts}, {}, 1, True, "", "", (), False, counts, (), ([("+Inf", 0.0)], 0.0), 0)
    ages, lags = {0: 0.0}, {0: Lag(0, 0.0)}
    about = About("", 1, {"version": "", "python": ""})
    seen = Seen(lambda: lags, lambda: ages, dict)
    rows = map(_metric, WorkerMetrics(lambda: snapshot, Totals(), seen, about).collect())
    return "\n".join(["| metric | type | labels | meaning |", "|---|---|---|---|", *rows])


def _metric(family: Metric) -> str:
    ending = {"counter": "_total", "info": "_info"}.get(family.type, "")
    labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
    return f"| `{family.name}{ending}` | {family.type} | {', '.join(labels)} | {family.documentation} |"


PAGES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "docs/settings.md": {"settings": _settings},
    "docs/installing.md": {"extras": _extras},
    "docs/commands.md": {"commands": _commands, "exit codes": _common},
    "docs/mappings.md": {"dialects": _dialects},
    "docs/format.md": {
        "manifest": partial(_fields, Manifest),
        "shard entry": partial(_fields, ShardEntry),
        "token": partial(_fields, TokenField),
        "fingerprint": partial(_fields, Fingerprint),
        "heartbeat": partial(_fields, Heartbeat),
        "rules": _rules,
        "version": partial(_fields, PublishedVersion),
        "dead letter": partial(_fields, DeadLetter),
    },
    "docs/deploying.md": {"redis rights": lambda: f"      {acl_of('mail', 'worker')} >PASSWORD"},
    "docs/monitoring.md": {"metrics": _metrics},
}
"""Page -> what makes each of its tables, by the name in the markers."""


def generated() -> dict[str, str]:
    """File -> content, of the files that are generated as a whole."""
    letters = (ROOT / "models/unlearn_models/text" / LETTERS).read_text("ascii")
    runbook = {"processor/unlearn/console/pages/runbook.md": (ROOT / "docs/runbook.md").read_text("utf-8")}
    return {
        "clients/js/src/letters.txt": letters,
        **runbook,
        **{f"docs/schemas/{name}": text for name, text in files().items()},
    }


if __name__ == "__main__":
    for name, tables in PAGES.items():
        page = ROOT / name
        page.write_text(with_tables(page.read_text(encoding="utf-8"), tables), encoding="utf-8")
    for name, text in generated().items():
        (ROOT / name).parent.mkdir(exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")
