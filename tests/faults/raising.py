"""Scripts that raise after a `redis.call` of theirs, and what a partition then holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from unlearn.state import scripts
from unlearn.state.scripts import PartitionState, Token

__all__ = ["FIRST", "META", "NEVER", "PROBE", "calls_of", "everything", "instrument", "meta", "restore"]

PROBE = "probe"
_INSTRUMENT = f"""
local function probed(...)
  local answer = redis.call(...)
  if redis.call('DECR', '{PROBE}') == 0 then error('injected') end
  return answer
end
"""
_PROBED = {"look": "look_probed"}
NEVER = 1 << 50
FIRST = Token(1, "a" * 32)
META: dict[str, str | int] = {"applied": 10, "registered": 0}


def instrument(client: redis.Redis, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """From now on owners' scripts raise after the call at which PROBE reaches 0; their texts stand in the folder."""
    for text in Path(scripts.__file__).parent.glob("*.lua"):
        (folder / text.name).write_text(text.read_text().replace("redis.call(", "probed("))
    (folder / "probed.lua").write_text(_INSTRUMENT)
    (folder / "look_probed.lua").write_text("local probed = redis.call")
    behind = {name: (_PROBED.get(name, "probed"), *texts) for name, texts in scripts._BEHIND.items()}
    monkeypatch.setattr("unlearn.state.scripts._BEHIND", behind)
    monkeypatch.setattr("unlearn.state.scripts.files", lambda _: folder)
    client.set(PROBE, NEVER)


def calls_of(client: Any, act: Callable[[], object]) -> int:
    """How often the scripts call Redis in `act`."""
    client.set(PROBE, NEVER)
    act()
    return NEVER - int(client.get(PROBE))


def meta(client: Any, state: PartitionState) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = client.hgetall(state.keys.meta)
    return found


def everything(client: Any, state: PartitionState) -> dict[bytes, dict[bytes, bytes]]:
    """All hashes of the partition."""
    keys = sorted(client.scan_iter(match=f"{state.keys.prefix}*", count=1000))
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.hgetall(key)
    return dict(zip(keys, pipe.execute(), strict=True))


def restore(client: Any, state: PartitionState, found: dict[bytes, dict[bytes, bytes]]) -> None:
    """Put back what `everything` found, and remove all else."""
    pipe = client.pipeline(transaction=False)
    pipe.delete(state.keys.meta, *client.scan_iter(match=f"{state.keys.prefix}*", count=1000))
    for key, fields in found.items():
        pipe.hset(key, mapping=fields)
    pipe.execute()
