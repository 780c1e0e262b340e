"""What a user of Redis must be allowed for one model, and no more: a rule of an ACL file. Pure."""

from __future__ import annotations

from typing import Final

__all__ = ["COMMANDS", "acl_of"]

COMMANDS: Final = (
    *("hello", "auth", "ping", "select", "client"),
    *("info", "config|get", "bgrewriteaof"),
    *("script|load", "evalsha", "multi", "exec"),
    *("get", "set", "exists", "del", "rename"),
    *("hget", "hset", "hmget", "hsetnx", "hdel", "hkeys", "hlen", "hgetall", "hexists"),
)
"""All that workers and operators' commands send, and their scripts call: a test does their work with no others."""


def acl_of(model: str, user: str) -> str:
    """The rule, without a password: all commands that are needed, on the keys of this model."""
    return f"user {user} on ~{{{model}:* resetchannels -@all {' '.join(f'+{name}' for name in COMMANDS)}"
