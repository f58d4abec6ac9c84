"""What a program does without being asked: it chats, keeps house, and grows or pauses with its flags."""

from __future__ import annotations

import asyncio
import random
import time

from eval.apps.model import Chatter, Service
from eval.environments.emulator.traffic.languages.mongod import entry
from eval.environments.kube.program.flags import Flags
from eval.environments.kube.program.journal import Journal, now

_PAUSE_EVERY_SECONDS = 10.0
_CHECKPOINT_SECONDS = 60.0


async def chat(chatter: Chatter, journal: Journal) -> None:
    """Log a line now and then, for ever."""
    while True:
        await asyncio.sleep(random.expovariate(chatter.per_minute / 60))
        journal.say(chatter.line)


async def keep_checkpoints(journal: Journal) -> None:
    """mongod notes a checkpoint every minute."""
    while True:
        await asyncio.sleep(_CHECKPOINT_SECONDS)
        stamp = int(time.time())
        text = f"[{stamp}:0][1:0x7f5e], WT_SESSION.checkpoint: [WT_VERB_CHECKPOINT_PROGRESS] saving checkpoint snapshot min: {stamp % 9000}, snapshot max: {stamp % 9000} snapshot count: 0"
        journal.write(
            entry(
                now(),
                "STORAGE",
                22430,
                "WTCheckpointThread",
                "WiredTiger message",
                {"message": text},
            )
        )


async def live_with_flags(program: Service, flags: Flags) -> None:
    """Leak memory and pause the whole runtime while a flag says so."""
    leaked: list[bytearray] = []
    while True:
        await asyncio.sleep(_PAUSE_EVERY_SECONDS)
        active = flags.active(program.effects, "")
        growth = sum(effect.memory_mb_per_minute for effect in active)
        if growth:
            leaked.append(bytearray(b"\x01") * int(growth * _PAUSE_EVERY_SECONDS / 60 * 2**20))
        else:
            leaked.clear()
        # the pause of a collector stops everything in the process: so does this
        time.sleep(sum(effect.gc_pause_ms for effect in active) / 1000)  # noqa: ASYNC251
