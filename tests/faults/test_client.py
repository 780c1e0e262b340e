"""A broker that dies under a client: what isn't acknowledged is named, and the client goes on when it is back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.harness.breakable_services import OwnKafka
from tests.harness.gateway import gateway_files, in_process, request_of
from tests.harness.settings import settings_of
from tests.harness.waiting import until
from unlearn import Client, LogUnavailable, NotSent, Settings, StillOpen
from unlearn.admin.topics import create
from unlearn.events.event import Insert
from unlearn.events.parsing import parse
from unlearn.log.kafka.log import KafkaLog

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnKafka]:
    made = OwnKafka(tmp_path_factory.mktemp("kafka"))
    yield made
    made.close()


@pytest.fixture
def settings(own_kafka: OwnKafka, tmp_path: Path) -> Settings:
    made = settings_of(
        partitions=2,
        kafka={"bootstrap_servers": own_kafka.address, "request_timeout": 3},
        gateway={**gateway_files(tmp_path / "gateway"), "answer_within": 1},
    )
    with closing(KafkaLog(made.kafka)) as log:
        create(log, made)
    return made


def sent_again(client: Client, event_id: str) -> bool:
    try:
        client.insert(record_id=event_id, text="a b", event_id=event_id)
        client.flush()
    except NotSent:
        return False
    return True


def test_what_a_dead_broker_does_not_acknowledge_is_named_and_can_be_sent_again(
    own_kafka: OwnKafka, settings: Settings
) -> None:
    client = Client.connect(settings)
    pending = client.forget(record="before")
    client.insert(record_id="e0", text="a b", event_id="e0")
    client.flush()
    own_kafka.kill()

    unsent: list[str] = []
    for number in range(1, 4):
        try:
            client.insert(record_id=f"e{number}", text="a b", event_id=f"e{number}")
        except NotSent as error:
            unsent += error.event_ids
    with pytest.raises((NotSent, LogUnavailable)):
        client.forget(record="during")
    with pytest.raises(LogUnavailable):
        pending.wait(timeout=1)
    try:
        client.flush()
    except NotSent as error:
        unsent += error.event_ids
    assert sorted(unsent) == ["e1", "e2", "e3"]

    own_kafka.start()
    for event_id in unsent:
        until(lambda name=event_id: sent_again(client, name), 120, "it is sent again")  # type: ignore[misc]
    with pytest.raises(StillOpen):
        until(lambda: waited(client, settings), 120, "the receipts can be read again")
    client.close()

    with closing(KafkaLog(settings.kafka)) as log:
        bounds = log.bounds(settings.events_topic)
        records = [
            record for p, (start, end) in bounds.items() for record in log.read(settings.events_topic, p, start, end)
        ]
    found = {event.record_id for record in records if isinstance(event := parse(record.value), Insert)}
    assert found == {"e0", "e1", "e2", "e3"}


def waited(client: Client, settings: Settings) -> bool:
    """Raises StillOpen as soon as a deletion can be sent and its receipts looked for."""
    try:
        return bool(client.forget(record="after").wait(timeout=0))
    except (NotSent, LogUnavailable):
        return False


def test_a_gateway_gives_no_answer_while_the_broker_is_frozen_and_the_right_one_afterwards(
    own_kafka: OwnKafka, settings: Settings
) -> None:
    with closing(KafkaLog(settings.kafka)) as log, in_process(settings, log) as (shop, _):
        assert shop.post(request_of("r1", "ann")).status_code == 201
        own_kafka.freeze()
        asked = [shop.get("/requests/r1"), shop.post(request_of("r2", "bob")), shop.delete("r1")]
        assert [one.status_code for one in asked] == [503] * 3
        assert shop.get("/livez").status_code == 200

        own_kafka.thaw()
        until(lambda: shop.get("/requests/r1").status_code == 200, 120, "it answers again")
        until(lambda: shop.post(request_of("r2", "bob")).status_code == 201, 120, "it sends again")
        assert [shop.status(name)["request_status"] for name in ("r1", "r2")] == ["pending"] * 2
