"""Every command on every kind of standard stream: its code is that of the table, and nothing is a traceback."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import zstandard

from tests.harness.gateway import gateway_files
from tests.harness.processes import UNLEARN, Case, Ended, environment, run, run_each
from tests.integration.scenario import scenario_settings
from unlearn.cli.exits import COMMON, OF_COMMANDS
from unlearn.cli.main import COMMANDS
from unlearn.services.address import free_port
from unlearn.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

AT_ONCE = 3
LINES = (
    '{"type":"insert","event_id":"1","record_id":"jürgen","subject_id":"ann","label":"späm","text":"win cäsh"}\n'
    '{"type":"insert","event_id":"2","record_id":"…","subject_id":"bob","label":"häm","text":"see you at noon"}\n'
)
ROWS = "type,event_id,record_id,subject_id,label,text\ninsert,3,jürgen,ann,späm,win cäsh\n"


class Model(NamedTuple):
    settings: Settings
    folder: Path


class Line(NamedTuple):
    """A command line. `prints`: whether it says something on the standard output; `reads`: from the standard input.
    It starts with what `COMMANDS` calls it."""

    words: str
    prints: bool = True
    reads: bool = False
    unset: tuple[str, ...] = ()
    """Variables that are not to be set."""


EACH = [
    Line("--help"),
    Line("--version"),
    Line("init mail", unset=("UNLEARN_MODEL", "UNLEARN_SECRET")),
    Line("services up"),
    Line("services status"),
    Line("services logs"),
    Line("services down"),
    Line("settings"),
    Line("settings --json"),
    Line("settings --markdown"),
    Line("topics create"),
    Line("topics check"),
    Line("send -", reads=True),
    Line("send --check EVENTS"),
    Line("send --check ROWS"),
    Line("send --delete-record none"),
    Line("forget --check --whole-lines --records -", reads=True),
    Line("drop LIST ANSWERS --exempt HASHES"),
    Line("work --drain", prints=False),
    Line("gateway --check"),
    Line("serve --check"),
    Line("status"),
    Line("status --json"),
    Line("pending"),
    Line("preview --record jürgen"),
    Line("preview --subject jürgen --json"),
    Line("record jürgen …"),
    Line("record --json jürgen …"),
    Line("record -", reads=True),
    Line("answer --record jürgen"),
    Line("resolve"),
    Line("retry"),
    Line("console --check"),
    Line("quiet nobody:1", prints=False),
    Line("resume nobody:1", prints=False),
    Line("manifest"),
    Line("manifest --json"),
    Line("versions"),
    Line("versions --json"),
    Line("diff 0"),
    Line("diff 0 --json"),
    Line("export --to sklearn EXPORT"),
    Line("score --jsonl EVENTS"),
    Line("score --json --jsonl -", reads=True),
    Line("verify"),
    Line("verify --json"),
    Line("verify --from-log"),
    Line("schemas"),
    Line("schemas --asyncapi"),
    Line("schemas --out OUT", prints=False),
    Line("demo --events 60 --rate 0"),
    Line("simulate --seeds 1..1 --processes 1"),
    Line("study --data generated --rows 100 --quick --methods naive --out STUDY"),
]

LONG = ("services up", "demo", "simulate", "study")
FEW = [line for line in EACH if line.reads or not line.words.startswith((*LONG, "send --check", "forget --check"))]
FEW = [line for line in FEW if line.reads or not {"--json", "--markdown", "--subject"} & {*line.words.split()}]
"""Without those that take long, and those that differ from others in what they print alone."""


@pytest.fixture(scope="module")
def model(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """One that has published, with words that ASCII lacks."""
    folder = tmp_path_factory.mktemp("streams")
    files = gateway_files(folder / "gateway")
    settings = scenario_settings(kafka, redis_url, folder, trainers=0, classes=("häm", "späm"), gateway=files)
    (folder / "events.jsonl").write_text(LINES, encoding="utf-8")
    (folder / "list.csv").write_text("ID,Hash\n1,a\n")
    (folder / "hashes").write_text("a\n")
    (folder / "events.csv.zst").write_bytes(zstandard.ZstdCompressor().compress(ROWS.encode()))
    for words, given in (("topics create", ""), ("send -", LINES), ("work --drain", "")):
        ended = run(settings, *words.split(), given=given)
        assert ended.returncode == 0, ended.stderr
    return Model(settings, folder)


def test_every_command_is_tried_with_odd_streams() -> None:
    names = {line.words for line in EACH}

    assert [name for name in COMMANDS if not any(words.startswith(name) for words in names)] == []
    assert [name for name in OF_COMMANDS if not any(words.startswith(name) for words in names)] == []


def _run_all(
    model: Model, folder: Path, streams: str, lines: Sequence[Line] = EACH, **changed: str
) -> Iterator[tuple[Line, Ended]]:
    given = str(model.folder / "events.jsonl")
    changed = {**changed, "UNLEARN_CONFIG": ""}
    cases = {
        str(i): Case(_words(line, model, folder), changed | _own(line, folder), streams, given)
        for i, line in enumerate(lines)
    }
    ended = run_each(model.settings, folder, cases, seconds=500.0, at_once=AT_ONCE)
    return zip(lines, ended.values(), strict=True)


def _own(line: Line, folder: Path) -> dict[str, str]:
    unset = dict.fromkeys(line.unset, "")
    return unset | {"UNLEARN_CONFIG": str(folder / "mail.toml")} if unset else {}


def _words(line: Line, model: Model, folder: Path) -> tuple[str, ...]:
    rows = model.folder / "events.csv.zst"
    places = {"EVENTS": model.folder / "events.jsonl", "ROWS": rows, "OUT": folder / "out", "STUDY": folder / "study"}
    places |= {"LIST": model.folder / "list.csv", "HASHES": model.folder / "hashes", "ANSWERS": folder / "answers"}
    places |= {"EXPORT": folder / "export"}
    return tuple(str(places.get(word, word)) for word in line.words.split())


def _allowed(line: Line) -> Mapping[int, str]:
    own = next((codes for name, codes in OF_COMMANDS.items() if line.words.startswith(name)), {})
    return {**COMMON, **own}


def _codes_and_lines(found: Iterable[tuple[Line, Ended]]) -> dict[str, tuple[int, list[str]]]:
    """Of each command its code and what it said of its end; no more than a line, and never a traceback."""
    codes = {}
    for line, ended in found:
        told = [text for text in ended.stderr.splitlines() if text.startswith(("error: ", "interrupted"))]
        assert "Traceback" not in ended.stderr + ended.stdout, (line, ended)
        assert len(told) <= 1, (line, ended)
        assert ended.returncode in _allowed(line), (line, ended)
        codes[line.words] = _code(line, ended), told
    return codes


def _code(line: Line, ended: Ended) -> int:
    """Its exit code. `status` ends with 1 while events wait and no worker is heard; other lines drain them. Nobody is
    there to be quiet, or to resume."""
    return 0 if line.words.startswith(("status", "quiet", "resume")) and ended.returncode == 1 else ended.returncode


@pytest.mark.parametrize(
    ("streams", "code", "said", "lines"),
    [
        ("no output", 74, ["error: the standard output can't be written: it is closed"], FEW),
        ("full", 74, ["error: the standard output can't be written: No space left on device"], FEW),
        ("left", 141, [], FEW),
    ],
    ids=["closed", "full", "left"],
)
def test_output_that_can_not_be_written_ends_each_command_with_its_own_code(
    model: Model, tmp_path: Path, streams: str, code: int, said: list[str], lines: list[Line]
) -> None:
    found = _codes_and_lines(_run_all(model, tmp_path, streams, lines))

    assert found == {line.words: (code, said) if line.prints else (0, []) for line in lines}


def test_an_output_in_ascii_takes_all_that_is_said(model: Model, tmp_path: Path) -> None:
    found = {line.words: ended for line, ended in _run_all(model, tmp_path, "ascii")}

    codes = {line.words: _code(line, found[line.words]) for line in EACH}
    assert {words: code for words, code in codes.items() if code} == {}
    assert all(ended.stdout.isascii() for ended in found.values())
    assert [json.loads(text)["record_id"] for text in found["record --json jürgen …"].stdout.splitlines()] == [
        "jürgen",
        "…",
    ]
    assert json.loads(found["settings --json"].stdout)["classes"]["value"] == ["häm", "späm"]
    assert "j\\xfcrgen  member" in found["record jürgen …"].stdout


def test_without_an_input_those_that_read_it_say_so(model: Model, tmp_path: Path) -> None:
    found = _codes_and_lines(_run_all(model, tmp_path, "no input", FEW))

    lost = 74, ["error: the standard input can't be read: it is closed"]
    assert found == {line.words: lost if line.reads else (0, []) for line in FEW}


def test_without_standard_error_the_codes_are_the_same(model: Model, tmp_path: Path) -> None:
    found = _codes_and_lines(_run_all(model, tmp_path, "no errors", UNLEARN_SLICE_SPAN="0"))

    assert {words: code for words, (code, _) in found.items() if code != 64} == {
        line.words: 0 for line in EACH if line.words.startswith(("--", "schemas", "study"))
    }


def test_without_services_each_command_says_which_one_it_lacks(model: Model, tmp_path: Path) -> None:
    nowhere = {
        "UNLEARN_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "UNLEARN_KAFKA__REQUEST_TIMEOUT": "1",
        "UNLEARN_REDIS__URL": f"redis://127.0.0.1:{free_port()}/0",
    }
    lines = [line for line in EACH if not line.words.startswith(("services up", "demo"))]
    found = _codes_and_lines(_run_all(model, tmp_path, "", lines, **nowhere))

    offline = ("--", "init", "settings", "send --check", "forget --check", "schemas", "simulate", "study")
    assert {words: code for words, (code, _) in found.items() if code != 69} == {
        line.words: 1 if line.words == "services status" else 0
        for line in lines
        if line.words.startswith((*offline, "services logs", "services down", "services status"))
    }


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        ('"$0" --help >&-', 74, "error: the standard output can't be written: it is closed\n"),
        ('"$0" settings >/dev/full', 74, "error: the standard output can't be written: No space left on device\n"),
        ('"$0" schemas | true; exit ${PIPESTATUS[0]}', 141, ""),
        ('"$0" score - <&-', 74, "error: the standard input can't be read: it is closed\n"),
        ('"$0" score - 2>&- <&-', 74, ""),
        ('PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 LC_ALL=C "$0" settings | grep -q UNLEARN_MODEL', 0, ""),
    ],
)
def test_a_shell_s_redirections_are_met_in_the_same_way(model: Model, shell: str, code: int, said: str) -> None:
    bash = shutil.which("bash") or "bash"
    ended = subprocess.run(
        [bash, "-c", shell, UNLEARN],
        env=environment(model.settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (code, said)
