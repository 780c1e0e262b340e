"""Topics on a cluster of three brokers: how they are made, and what is wrong with those made carelessly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.settings import SECRET
from tests.harness.three_brokers import three_brokers
from unlearn.admin import topics
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import TopicSpec
from unlearn.services.protocol import wait_until
from unlearn.settings import Settings


@pytest.mark.soak
def test_a_cluster_of_three_gets_three_replicas_and_one_replica_is_a_problem(tmp_path: Path) -> None:
    with three_brokers(tmp_path) as cluster:
        kafka = {"bootstrap_servers": cluster.servers}
        made, careless = (Settings(secret=SECRET, model=name, kafka=kafka) for name in ("made", "careless"))
        log = KafkaLog(made.kafka)
        assert wait_until(lambda: log.brokers() == 3, 120)
        # What we make is as it should be, and the broker says so
        topics.create(log, made)
        found = log.topic(made.events_topic)
        assert found is not None
        assert (found.replicas, found.config["min.insync.replicas"]) == (3, "2")
        assert topics.check(log, made) == []
        # What was made with the broker's defaults is named, topic by topic
        for spec in topics.wanted(careless):
            config = {name: value for name, value in spec.config.items() if name != "min.insync.replicas"}
            log.create(TopicSpec(spec.name, spec.partitions, config))
        problems = topics.check(log, careless)
        for spec in topics.wanted(careless):
            mine = [problem for problem in problems if f"topic {spec.name} " in problem]
            assert ["replication factor 1, should be 3" in mine[0], "min.insync.replicas=1" in mine[1]] == [True, True]
        assert len(problems) == 8
        log.close()
