"""Joining a consumer group by short polls, which kafka-python (3.0.12) can't do by itself.

A join runs on the client's own thread. If it ends while no poll waits for it, the client throws the answer
away: either it joins again, and the whole group with it, for up to a minute; or it takes itself for joined,
without the partitions it was given, for ever. So here a join that has ended is handed back as one still
running, and no poll runs beside it.
"""

from __future__ import annotations

from typing import Any

from kafka import KafkaConsumer


def joined(reader: KafkaConsumer, timeout: float) -> bool:
    """Waits up to `timeout` seconds for a join under way or due; True when there is none (left)."""
    coordinator = reader._coordinator  # noqa: SLF001
    if coordinator._join_task is None and not coordinator.need_rejoin():  # noqa: SLF001
        return True
    return bool(reader._net.run(_join, coordinator, max(1.0, timeout * 1000)))  # noqa: SLF001


async def _join(coordinator: Any, timeout_ms: float) -> bool:
    """On the client's thread: between the hand-back and the client's look at it nothing else runs."""
    ended = coordinator._join_task  # noqa: SLF001
    if ended is not None and ended.is_done:
        coordinator._join_task = coordinator._manager.call_soon(_answer, ended)  # noqa: SLF001
        coordinator.request_rejoin()
    return bool(await coordinator.ensure_active_group_async(timeout_ms=timeout_ms))


async def _answer(ended: Any) -> Any:
    return await ended
