"""What others make of the same topic: Quix Streams' BatchingSink, Bytewax, and confluent-kafka's bare poll.

Each runs in an environment of its own, made once under bench/out, and as a process pinned to one core.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from bench.ingest.throughput import Pace
from bench.peer_pythons import last_line, made
from bench.processes.environment import PARTITIONS
from unlearn.settings import Settings

__all__ = ["PEERS", "Peer", "consumed"]

_SIDE = Path(__file__).with_name("stream_peer_side.py")
_WITHIN = 300.0


class Peer(NamedTuple):
    """`side`: what the other side runs; `environment`, with these `packages`, is the one it runs in."""

    side: str
    environment: str
    packages: tuple[str, ...]
    probe: str


_QUIX = ("quixstreams==3.28.1", "redis==8.1.0", "confluent-kafka==2.12.2", "orjson==3.13.0")
_BYTEWAX = ("bytewax==0.21.1", "confluent-kafka==2.16.1", "redis==8.1.0")

PEERS = {
    "quix": Peer("quix", "quix", _QUIX, "import quixstreams, redis"),
    "bytewax": Peer("bytewax", "bytewax", _BYTEWAX, "import bytewax.connectors.kafka, redis"),
    "confluent": Peer("confluent", "bytewax", _BYTEWAX, "import confluent_kafka"),
}


def consumed(peer: Peer, settings: Settings, events: int, core: int | None) -> Pace | str:
    """The peer's pace over the events topic, from the first tenth on; why not, where it can't be had."""
    if settings.kafka.security_protocol != "PLAINTEXT":
        return f"{peer.side} is only told how to read a broker without TLS and login"
    python = made(peer.environment, sys.executable, peer.packages, peer.probe)
    if isinstance(python, str):
        return python
    place = (settings.kafka.bootstrap_servers.split(",")[0], settings.events_topic, str(PARTITIONS), str(events))
    pinned = "any" if core is None else str(core)
    command = [str(python), str(_SIDE), peer.side, *place, pinned]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    variables["REDIS_URL"] = settings.redis.url.get_secret_value()
    try:
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=_WITHIN, check=False)
    except subprocess.TimeoutExpired:
        return f"{peer.side} did not end in {_WITHIN:g} s"
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"wall"')]
    if done.returncode != 0 or not lines:
        return f"{peer.side}: {last_line(done.stderr)}"
    found = json.loads(lines[-1])
    return Pace(1 / found["wall"], 1 / found["cpu"])
