"""Lines reach their home partitions as the bytes they are; a bad one stops no other."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import zstandard
from click.testing import CliRunner, Result

from tests.harness.dialects import FILES, NAMES, lines_of
from unlearn.admin.input.csv_events import csv_lines
from unlearn.admin.input.line_checks import LineChecker
from unlearn.admin.input.lines import MAX_LINE, read_chunks
from unlearn.admin.input.numbered_lines import numbered
from unlearn.admin.send import LogSink, NoSink, Pace, send_lines
from unlearn.cli.commands.senders import send as cli
from unlearn.cli.main import cli as unlearn
from unlearn.errors import InputInvalid, LogRefused, LogUnavailable, SettingsError
from unlearn.events.event import Delete, Insert, Lift
from unlearn.events.parsing import parse, parser_of
from unlearn.events.partitioner import home
from unlearn.events.usual_inserts import scanner_of
from unlearn.log.memory.log import MemoryLog
from unlearn.log.memory.producer import MemoryProducer
from unlearn.log.protocol import Header, Message, Record, TopicSpec
from unlearn_models import make_learner

TOPIC = "demo.events"
PARTITIONS = 4
SEAL = b'{"type":"seal"}'
NB = make_learner("naive-bayes", ("ham", "spam"), 1024)
CHECKER = LineChecker(parser_of(NB), scanner_of(NB))


def insert(record: str, **fields: Any) -> bytes:
    event = {"type": "insert", "event_id": "e", "record_id": record, "text": "x", **fields}
    return json.dumps(event).encode()


def records(log: MemoryLog, partition: int) -> list[Record]:
    start, end = log.bounds(TOPIC)[partition]
    return list(log.read(TOPIC, partition, start, end))


@pytest.fixture
def log() -> MemoryLog:
    made = MemoryLog()
    made.create(TopicSpec(TOPIC, PARTITIONS + 2))
    return made


@pytest.fixture
def run(log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setattr(cli, "open_log", lambda _: nullcontext(log))
    monkeypatch.setenv("UNLEARN_MODEL", "demo")
    monkeypatch.setenv("UNLEARN_PARTITIONS", str(PARTITIONS))

    def invoke(*arguments: str, text: bytes = b"") -> Result:
        return CliRunner().invoke(unlearn, ["send", *arguments], input=text)

    return invoke


def test_each_event_goes_home_unchanged(run: Callable[..., Result], log: MemoryLog) -> None:
    lines = [insert(f"r{i}", subject_id=f"s{i}", unknown=1) for i in range(50)] + [insert("r")]

    result = run("-", text=b"\n".join(lines) + b"\n\n")

    assert result.exit_code == 0, result.output
    found = [(p, r.key, r.value) for p in range(PARTITIONS + 2) for r in records(log, p)]
    keys = [f"s{i}".encode() for i in range(50)] + [b"r"]
    assert sorted(found) == sorted((home(k, PARTITIONS), k, v) for k, v in zip(keys, lines, strict=True))
    assert "sent 51 events (51 insert)" in result.stdout


def test_a_seal_goes_to_every_partition_of_the_model(run: Callable[..., Result], log: MemoryLog) -> None:
    run("-", text=SEAL)

    counts = [len(records(log, p)) for p in range(PARTITIONS + 2)]
    assert counts == [1] * PARTITIONS + [0, 0]
    assert records(log, 0)[0].key is None


def test_a_bad_line_is_named_and_the_others_are_sent(run: Callable[..., Result], log: MemoryLog) -> None:
    lines = [insert("a"), b"s3cret", insert("b", label="s3cret"), insert("c", revision=-1), insert("d")]

    result = run("-", text=b"\n".join(lines))

    assert result.exit_code == 1
    assert sum(len(records(log, p)) for p in range(PARTITIONS)) == 2
    assert "line 2: not JSON" in result.stderr
    assert "line 3: label: not one that the model learns from" in result.stderr
    assert "line 4: revision" in result.stderr
    assert "refused 3 lines: 2, 3, 4" in result.stderr
    assert "s3cret" not in result.output


def test_stop_ends_at_the_first_bad_line(run: Callable[..., Result], log: MemoryLog) -> None:
    result = run("--stop", "-", text=b"\n".join([insert("a"), b"bad", insert("b")]))

    assert result.exit_code == 1
    assert sum(len(records(log, p)) for p in range(PARTITIONS)) == 1


CSV = (
    b"\xef\xbb\xbftype,event_id,subject_id,record_id,revision,label,text,features,requested_at\r\n"
    b'insert,e1,ann,r1,3,spam,"win\r\n""cash"", n\xc3\xb6w",,\r\n'
    b"\r\n"
    b'insert,e2,,r2,,,,"{""3"": 2, ""7"": 1.0}",\r\n'
    b"delete,e3,ann,,,,,,2024-05-01\r\n"
    b"seal,,,,,,,,"
)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
@pytest.mark.parametrize("name", ["-", "events.csv", "events"])
def test_csv_is_sent_as_the_events_that_its_rows_say(
    run: Callable[..., Result], log: MemoryLog, tmp_path: Path, pack: Callable[[bytes], bytes], name: str
) -> None:
    data = pack(CSV)
    if name != "-":
        (tmp_path / name).write_bytes(data)

    result = run(name if name == "-" else str(tmp_path / name), text=data if name == "-" else b"")

    assert result.exit_code == 0, result.output
    assert "sent 4 events (1 delete, 2 insert, 1 seal)" in result.stdout
    found = [parse(record.value) for p in range(PARTITIONS) for record in records(log, p) if record.key is not None]
    assert sorted(found, key=lambda event: event.event_id) == [  # type: ignore[union-attr]
        Insert(
            event_id="e1", subject_id="ann", record_id="r1", revision=3, label="spam", text='win\r\n"cash", n\u00f6w'
        ),
        Insert(event_id="e2", record_id="r2", features={3: 2.0, 7: 1.0}),
        Delete(event_id="e3", subject_id="ann", requested_at="2024-05-01"),
    ]


ROWS = {
    "insert,a,ra,,x,": "",
    'insert,b,rb,,"x\ny",': "",
    "insert,c,rc,,x": "5 fields, and the first line names 6",
    "insert,d,rd,one,x,": "revision: must be a valid integer",
    'insert,e,re,,"x\ny",,s3cret': "7 fields, and the first line names 6 (the row ends on line 8)",
    'insert,f,rf,,"x"y,': "not CSV: ',' expected after '\"'",
    'insert,g,rg,,,"[1,"': "features: not JSON, or a key is there twice",
    'insert,h,rh,,,"{""1"":1,""1"":2}"': "features: not JSON, or a key is there twice",
    "insert,i,r\udcff,,x,": "not UTF-8",
    ",j,rj,,x,": "type: missing or unknown",
    "insert,k,rk,,,": "exactly one of text and features is needed",
    f"insert,l,rl,,{'x' * MAX_LINE},": "more than 1000000 bytes in a line",
    "insert,m,rm,,x,": "",
    'insert,n,rn,,"x': "not CSV: unexpected end of data",
}


@pytest.mark.parametrize("arguments", [("-",), ("-", "--rate", "100000"), ("-", "--check")])
def test_bad_rows_are_named_by_the_line_where_they_begin(run: Callable[..., Result], arguments: Any) -> None:
    header = "type,event_id,record_id,revision,text,features\n"

    result = run(*arguments, text=(header + "\n".join(ROWS)).encode("utf-8", "surrogateescape"))

    said, line, bad = " ".join(result.stderr.split()), 2, []
    for row, reason in ROWS.items():
        if reason:
            assert f"line {line}: {reason}" in said
            bad.append(str(line))
        line += row.count("\n") + 1
    assert f"refused {len(bad)} lines: {', '.join(bad)}" in said
    assert result.exit_code == 1
    assert result.stdout.startswith(("sent 3 events (3 insert)", "checked 3 events (3 insert)"))
    assert "s3cret" not in result.output


def test_stop_ends_at_the_first_bad_row(run: Callable[..., Result], log: MemoryLog) -> None:
    header = "type,event_id,record_id,revision,text,features\n"

    result = run("--stop", "-", text=(header + "\n".join(ROWS)).encode("utf-8", "surrogateescape"))

    assert result.exit_code == 1
    assert sum(len(records(log, p)) for p in range(PARTITIONS)) == 2
    assert "refused 1 lines: 5" in result.stderr


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("type,record_id,e_mail,userId", "no field of an event, or none by this spelling: e_mail, userId"),
        ("type,record_id,record_id", "named twice: record_id"),
        ("record_id,text", "there is no column type"),
        ("type,record_id;text", "no field of an event, or none by this spelling: record_id;text"),
        ('type,record_id,"x', "not CSV: unexpected end of data"),
    ],
)
def test_a_header_that_is_none_sends_nothing(
    run: Callable[..., Result], log: MemoryLog, tmp_path: Path, header: str, said: str
) -> None:
    (tmp_path / "events.csv").write_text(header + "\ninsert,r,x\n" * ('"' not in header))

    result = run(str(tmp_path / "events.csv"))

    assert isinstance(result.exception, InputInvalid)
    assert str(result.exception).startswith(f"line 1: {said}")
    assert all(start == end for start, end in log.bounds(TOPIC).values())


def test_an_empty_csv_is_nothing(run: Callable[..., Result], tmp_path: Path) -> None:
    for name, data in (("a.csv", b""), ("b.csv", b"type,record_id\n"), ("c.csv", b"\n")):
        (tmp_path / name).write_bytes(data)
        assert "sent 0 events" in run(str(tmp_path / name)).stdout, name


def test_rows_of_a_pipe_are_not_kept_for_later_ones() -> None:
    taken: list[int] = []

    def chunks() -> Iterator[list[bytes]]:
        yield [b"type,event_id,record_id,text\n", b"insert,e,a,x\n"]
        assert taken == [2]
        yield [b'insert,e,b,"x\n', b'y"\n', b"insert,e,c,x\n"]
        assert taken == [2, 3, 5]
        yield [b"\n"]

    for found in csv_lines(chunks()):
        taken += found.numbers

    assert taken == [2, 3, 5]


def test_check_sends_nothing(run: Callable[..., Result], log: MemoryLog, tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_bytes(gzip.compress(insert("a") + b"\n" + insert("b")))

    result = run("--check", str(path))

    assert result.exit_code == 0
    assert "checked 2 events" in result.stdout
    assert all(start == end for start, end in log.bounds(TOPIC).values())


CHANGE = {"op": "c", "before": None, "after": {"id": 7, "subject_id": "ana", "text": "x"}, "source": {"lsn": 5}}


def test_a_check_shows_what_each_line_would_become_by_a_mapping(
    run: Callable[..., Result], log: MemoryLog, tmp_path: Path
) -> None:
    lines = [
        CHANGE,
        {**CHANGE, "op": "d", "before": {"id": 7}, "after": None},
        {**CHANGE, "op": "t"},
        {**CHANGE, "after": {"id": 7, "user_id": "ana", "text": "x"}},
    ]
    path = tmp_path / "changes"
    path.write_text("\n\n".join(map(json.dumps, lines)))

    result = run("--check", str(path), "--mapping", "debezium")

    assert result.exit_code == 1
    first, second, *rest = result.stdout.splitlines()
    shown = json.loads(first.removeprefix("1: "))
    assert (shown["type"], shown["record_id"], shown["subject_id"], shown["revision"]) == ("insert", "7", "ana", 5)
    assert json.loads(second.removeprefix("3: "))["type"] == "delete"
    assert rest == [
        "5: open: type: a word that the mapping doesn't know",
        "7: refused: unknown field that looks like subject_id",
        "mapping: delete record_id: key/record_id | key/id found nothing in 1 messages",
        "mapping: insert label: value/after/label found nothing in 2 messages",
        "checked 4 messages: 1 delete, 1 insert, 1 open, 1 refused",
    ]
    assert "-1/" not in result.stdout
    assert all(start == end for start, end in log.bounds(TOPIC).values())


@pytest.mark.parametrize("name", NAMES)
def test_a_check_reads_keys_headers_and_nulls_as_a_worker_does(run: Callable[..., Result], name: str) -> None:
    """Each line of the files of dialects, of which a worker is shown to make the same."""
    result = run("--check", str(FILES / f"{name}.jsonl"), "--mapping", name)

    lines = lines_of(name)
    shown = dict(line.split(": ", 1) for line in result.stdout.splitlines() if line[0].isdigit())
    for number, line in enumerate(lines, 1):
        said = shown.pop(str(number))
        if line.becomes == "nothing":
            assert said == "nothing"
            continue
        ((kind, told),) = line.becomes.items()
        if kind in ("open", "refused"):
            assert said == f"{kind}: {told}"
        else:
            found = json.loads(said)
            assert found["type"] == kind
            assert found["event_id"] == told.get("event_id", "place:PARTITION/OFFSET")
    assert shown == {}
    assert result.stdout.splitlines()[-1].startswith(f"checked {len(lines)} messages: ")


def test_a_check_names_paths_that_find_nothing_and_lines_that_are_no_message(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    path = tmp_path / "changes"
    lines = [
        {"specversion": "1.0", "id": "c1", "type": "x.created", "data": {"record_id": "r", "user": "ana", "text": "x"}},
        {"key": None, "headers": ["ce_type"], "value": {}},
        {"key": "k", "headers": None, "value": {}, "before": "no hex"},
        {"key": None, "headers": {}, "value": None},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))

    result = run("--check", str(path), "--mapping", "cloudevents")

    assert result.exit_code == 1
    assert "2: no message: headers: must be an object of texts by their names" in result.stdout
    assert "3: no message: before: must be bytes in hex" in result.stdout
    assert "4: nothing" in result.stdout
    assert "mapping: insert subject_id: value/data/subject_id found nothing in 1 messages" in result.stdout
    assert result.stdout.endswith("checked 4 messages: 2 no message, 1 nothing, 1 refused\n")


def test_a_mapping_is_for_a_check_alone_and_must_be_there(run: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "changes"
    path.write_text(json.dumps(CHANGE))
    for arguments, said in (
        ((str(path), "--mapping", "debezium"), "give --mapping with --check"),
        ((str(path), "--check", "--mapping", "debezum"), "none of plain"),
        (("--check", "--mapping", "debezium", "--delete-record", "r"), "give a FILE with --mapping"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2
        assert said in result.stderr


def test_lines_of_a_mapping_are_sent_home_as_they_are(
    run: Callable[..., Result], log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNLEARN_MAPPING", "debezium")
    lines = [json.dumps(CHANGE).encode(), insert("r")]

    assert run("-", text=b"\n".join(lines)).exit_code == 0

    assert [record.value for record in records(log, home(b"ana", PARTITIONS))] == [lines[0]]
    assert [record.value for record in records(log, home(b"r", PARTITIONS))] == [lines[1]]


@pytest.mark.parametrize(
    ("arguments", "key", "said"),
    [
        (("--delete-record", "r", "--subject", "s"), b"s", {"subject_id": "s", "record_id": "r"}),
        (("--delete-record", "r"), b"r", {"record_id": "r"}),
        (("--delete-subject", "s"), b"s", {"subject_id": "s"}),
        (("--delete-subject", "s", "--so-far"), b"s", {"subject_id": "s", "scope": "so_far"}),
        (("--delete-alias", "a"), b"a", {"alias": "a"}),
        (("--lift-record", "r", "--subject", "s"), b"s", {"subject_id": "s", "record_id": "r"}),
        (("--lift-record", "r"), b"r", {"record_id": "r"}),
        (("--lift-subject", "s"), b"s", {"subject_id": "s"}),
        (("--lift-alias", "a"), b"a", {"alias": "a"}),
    ],
)
def test_one_deletion_or_lift_by_hand(
    run: Callable[..., Result], log: MemoryLog, arguments: Any, key: bytes, said: dict[str, str]
) -> None:
    result = run(*arguments)

    [record] = records(log, home(key, PARTITIONS))
    event = parse(record.value)
    assert isinstance(event, Lift if arguments[0].startswith("--lift") else Delete)
    assert event.model_dump(exclude_none=True, exclude={"event_id", "requested_at", "type"}) == said
    assert result.stdout.strip() == event.event_id
    assert record.key == key


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--subject", "s"),
        ("--delete-subject", "s", "--subject", "t"),
        ("--delete-subject", "s", "--delete-record", "r"),
        ("--delete-record", ""),
        ("--delete-record", "r", "-"),
        ("--lift-subject", "s", "-"),
        ("--lift-subject", "s", "--so-far"),
        ("--so-far",),
        ("--delete-record", "r", "--so-far"),
        ("--delete-subject", "s", "--lift-subject", "s"),
        ("--delete-alias", "a", "--subject", "s"),
        ("--lift-alias", "a", "--delete-alias", "a"),
        ("--lift-alias", ""),
        ("--rate", "0", "-"),
    ],
)
def test_a_wrong_usage_says_so(run: Callable[..., Result], arguments: Any) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert "Error" in result.stderr


def test_a_topic_with_fewer_partitions_is_refused(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEARN_PARTITIONS", "7")

    result = run("-", text=insert("a"))

    assert isinstance(result.exception, SettingsError)
    assert "UNLEARN_PARTITIONS" in str(result.exception)


def test_sending_ends_when_all_is_answered() -> None:
    told: list[str] = []

    class Recorder(NoSink):
        def take(self, messages: Sequence[tuple[bytes | None, bytes]]) -> None:
            told.append(f"{len(messages)} taken")

        def finish(self) -> None:
            told.append("finished")

    send_lines(numbered([[SEAL, SEAL], [b"bad"], [SEAL]]), CHECKER, Recorder(), Pace(None), lambda *_: True)

    assert told == ["2 taken", "1 taken", "finished"]


def test_an_oversized_line_is_one_bad_line() -> None:
    data = insert("a") + b"\n" + b"x" * (3 * MAX_LINE) + b"\n" + insert("b")
    refused: list[tuple[int, str]] = []

    def refuse(number: int, reason: str) -> bool:
        refused.append((number, reason))
        return True

    report = send_lines(numbered(read_chunks(io.BytesIO(data))), CHECKER, NoSink(), Pace(None), refuse)

    assert report.sent == {"insert": 2}
    assert refused == [(2, "more than 1000000 bytes")]


def test_the_pace_is_an_average_since_the_start() -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(2.0, lambda: now[0], sleep)
    for _ in range(3):
        pace.wait()
    now[0] += 1.0
    for _ in range(3):
        pace.wait()

    assert slept == [0.5, 0.5, 0.5]


def test_what_was_acknowledged_is_told_when_the_log_fails(log: MemoryLog) -> None:
    producer: MemoryProducer = log.producer()
    sink = LogSink(producer, TOPIC, PARTITIONS, 1.0)
    sink.take([(b"r", b"{}")])
    producer.close()
    sink.take([(b"r", b"{}")])

    with pytest.raises(LogUnavailable, match="the first 1 were acknowledged, send the rest again"):
        sink.finish()


@pytest.mark.parametrize(("fails", "acknowledged"), [(0, 10), (1, 11), (2, 16)])
def test_events_before_the_first_one_that_was_not_acknowledged_are_counted(fails: int, acknowledged: int) -> None:
    log = MemoryLog()
    log.create(TopicSpec(TOPIC, 3))
    first, other, third = (next(k for i in range(99) if home(k := b"%d" % i, 3) == p) for p in range(3))
    sink = LogSink(PartlyRefusing(log, fails), TOPIC, 3, 1.0)
    sink.take([(first, b"a")] * 10)
    sink.take([(first, b"a")] + [(other, b"b")] * 5 + [(third, b"c")] + [(first, b"d")] * 3)

    with pytest.raises(LogRefused, match=f"no room; the first {acknowledged} were acknowledged"):
        sink.finish()


class PartlyRefusing(MemoryProducer):
    """Refuses this partition's batches, but for the very first batch."""

    def __init__(self, log: MemoryLog, partition: int) -> None:
        super().__init__(log)
        self.partition, self.calls = partition, 0

    def send_batch(
        self, topic: str, partition: int, messages: Sequence[Message], headers: Sequence[Sequence[Header]] = ()
    ) -> Future[list[int]]:
        self.calls += 1
        if partition != self.partition or self.calls == 1:
            return super().send_batch(topic, partition, messages, headers)
        answer: Future[list[int]] = Future()
        answer.set_exception(LogRefused("no room"))
        return answer


def test_a_batch_goes_out_while_too_much_is_on_its_way() -> None:
    log = MemoryLog()
    log.create(TopicSpec(TOPIC, 1))
    producer: MemoryProducer = log.producer()
    sink = LogSink(producer, TOPIC, 1, 1.0)
    producer.close()
    for _ in range(8):
        sink.take([(b"k", bytes(1_000_000))])
    with pytest.raises(LogUnavailable, match="the first 0 were"):
        sink.take([(b"k", bytes(1_000_000))])


def test_events_of_a_partition_stay_in_order_with_the_seals(run: Callable[..., Result], log: MemoryLog) -> None:
    lines = [SEAL if i % 5 == 0 else insert(f"r{i}", subject_id=f"s{i % 9}") for i in range(200)]

    run("-", text=b"\n".join(lines))

    for partition in range(PARTITIONS):
        mine = [v for v in lines if v == SEAL or home(json.loads(v)["subject_id"].encode(), PARTITIONS) == partition]
        assert [record.value for record in records(log, partition)] == mine


def test_with_a_rate_no_event_is_sent_before_its_time() -> None:
    now, sent = [0.0], []

    class Timed(NoSink):
        def take(self, messages: Sequence[tuple[bytes | None, bytes]]) -> None:
            sent.extend([now[0]] * len(messages))

    def sleep(seconds: float) -> None:
        now[0] += seconds

    pace = Pace(500.0, lambda: now[0], sleep)
    send_lines(numbered([[SEAL] * 70, [b"bad", b""] * 20, [SEAL] * 30]), CHECKER, Timed(), pace, lambda *_: True)

    assert len(sent) == 100
    assert all(at >= number / 500 - 1e-9 for number, at in enumerate(sent))
    assert now[0] == pytest.approx(99 / 500, rel=1e-12)
    assert len(set(sent)) == 10


@pytest.mark.parametrize(
    "line",
    [
        {"type": "delete", "event_id": "e", "subject_id": "s", "requested_at": "yesterday"},
        {"type": "delete", "event_id": "e", "subject_id": "s", "requested_at": "2999-01-01"},
        {"type": "delete", "event_id": "e", "subject_id": "s", "revision": 1, "requested_at": "2023-01-01"},
        {"type": "delete", "event_id": "e", "subject_id": "s", "recordId": "r", "requested_at": "2023-01-01"},
        {"type": "insert", "event_id": "e", "record_id": "r", "text": "x", "userId": "s"},
        {"before": {}, "after": None, "op": "d"},
    ],
)
def test_what_a_worker_would_refuse_is_not_sent(
    run: Callable[..., Result], log: MemoryLog, line: dict[str, Any]
) -> None:
    result = run("-", text=json.dumps(line).encode())

    assert result.exit_code == 1
    assert [record for p in range(PARTITIONS + 2) for record in records(log, p)] == []
