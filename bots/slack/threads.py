"""Which session a thread of Slack's is."""

from __future__ import annotations

from typing import Any


def reference(team: str, channel: str, thread: str) -> str:
    """Return what a Slack thread's session is known by."""
    return f"slack:{team}:{channel}:{thread}"


def place(body: dict[str, Any]) -> tuple[str, str, str, str]:
    """Return who pressed a button, its channel and thread, and what the thread's session is known by."""
    user, channel, message = body["user"]["id"], body["channel"]["id"], body["message"]
    thread = message.get("thread_ts") or message["ts"]
    team = str((body.get("team") or {}).get("id", ""))
    return user, channel, thread, reference(team, channel, thread)
