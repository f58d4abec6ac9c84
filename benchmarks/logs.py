"""Speed, memory and size of the log reduction, against the bare template miner.

.venv/bin/python -m benchmarks.logs [LINES]
"""

from __future__ import annotations

import random
import sys
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime

from copilot.tools.log_summary import Digest, described
from copilot.tools.tokens import estimate
from retrieval.logs.miner import Miner

_KINDS = (
    "GET /api/cart/{n} 200 {ms}ms",
    "PUT /api/user/{n} 201 {ms}ms trace={hex}",
    "worker {n}: stage read finished in {ms}ms",
    "[info] conn{n} accepted from 10.0.0.{ms}:4432",
    '{{"level":"info","msg":"served","items":{n},"user":"u-{n}","took":"{ms}ms"}}',
    "2026-03-01 02:10:00,123 INFO [pool-3-thread-{ms}] c.s.Orders - order {n} stored",
    "cache hit for key user:{n}",
    "GET /api/cart/{n} 404 {ms}ms",
)
_MATTERS = "leadership of partition 7 moved to broker 2"
START = datetime(2026, 3, 1, 2, 45, tzinfo=UTC)


def lines(count: int) -> Iterator[tuple[str, str]]:
    """Yield `count` ordinary lines with times, and one that matters at two thirds."""
    chance = random.Random(7)
    seconds = 3600 / count
    for number in range(count):
        second = int(number * seconds)
        stamp = f"2026-03-01T02:{second // 60:02d}:{second % 60:02d}Z"
        if number == count * 2 // 3:
            yield stamp, _MATTERS
        kind = _KINDS[number % len(_KINDS)]
        yield (
            stamp,
            kind.format(
                n=chance.randrange(10**6),
                ms=chance.randrange(500),
                hex=f"{chance.getrandbits(64):016x}",
            ),
        )


def main(count: int) -> int:
    sample = list(lines(min(count, 200_000)))
    ratios = []
    for _ in range(3):
        begin = time.perf_counter()
        miner = Miner()
        for _, text in sample:
            miner.add(text)
        bare = len(sample) / (time.perf_counter() - begin)
        begin = time.perf_counter()
        digest = Digest(START)
        digest.feed("pod", sample)
        words = described(digest)
        ours = len(sample) / (time.perf_counter() - begin)
        ratios.append(ours / bare)
    print(f"bare miner {bare:,.0f} lines/s; reduction {ours:,.0f} lines/s; ratio {max(ratios):.2f}")
    tracemalloc.start()
    digest = Digest(START)
    digest.feed("pod", lines(count))
    words = described(digest)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    text = "\n".join(words)
    found = _MATTERS in text
    print(
        f"{count:,} lines: peak {peak / 2**20:.1f} MiB; {estimate(text)} tokens;"
        f" the line that matters is {'shown' if found else 'LOST'}"
    )
    return 0 if found and max(ratios) >= 0.8 and estimate(text) <= 1500 else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
