"""Speed and size of retrieval: `python -m benchmarks.retrieval [DOCUMENTS]`.

Prints passages per second at ingestion, search latency, the time from a fresh process to its first
answer, and memory. The corpus is generated; the packaged runbooks are in it too.
"""

from __future__ import annotations

import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine

from retrieval.knowledge import KnowledgeIndex
from retrieval.store import create_tables

NOW = datetime(2026, 3, 4, tzinfo=UTC)
QUERIES = (
    "why do my pods keep dying and restarting",
    "KubePodCrashLooping",
    "connection refused between two services after the deploy",
    "latency doubled at 03:00 and the database is busy",
    "image cannot be pulled",
    "x509: certificate has expired or is not yet valid",
    "nobody can log in since the password rotation",
    "0/5 nodes are available: insufficient memory",
)
WORDS = [
    "pod",
    "service",
    "deployment",
    "replica",
    "node",
    "volume",
    "secret",
    "config",
    "latency",
    "error",
    "timeout",
    "restart",
    "memory",
    "cpu",
    "limit",
    "quota",
    "image",
    "registry",
    "certificate",
    "database",
    "connection",
    "pool",
    "queue",
    "cache",
    "request",
    "retry",
    "rollout",
    "rollback",
    "scale",
    "traffic",
    "network",
    "policy",
    "name",
    "resolve",
    "log",
    "event",
    "probe",
]

FRESH = """
import sys, time
start = time.perf_counter()
if sys.argv[3] == "1":
    import llama_index.core
from pathlib import Path
from sqlalchemy import create_engine
from retrieval.knowledge import KnowledgeIndex
engine = create_engine(sys.argv[1])
index = KnowledgeIndex.open(engine, Path(sys.argv[2]))
opened = time.perf_counter()
index.search_now("why do my pods keep dying and restarting")
first = time.perf_counter()
lines = Path("/proc/self/status").read_text().splitlines()
rss = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
print(f"{opened - start:.2f} {first - start:.2f} {rss:.0f}")
index.close()
"""


def corpus(folder: Path, count: int) -> None:
    chance = random.Random(1)
    folder.mkdir(parents=True)
    for number in range(count):
        parts = [f"# Case {number}: {' '.join(chance.sample(WORDS, 4))}"]
        for heading in ("Symptoms", "Check first", "Fix", "Verify"):
            text = " ".join(chance.choices(WORDS, k=chance.randint(60, 140)))
            parts.append(f"## {heading}\n\n{text}.")
        (folder / f"{number}.md").write_text("\n\n".join(parts))


def latency(index: KnowledgeIndex, rounds: int = 25) -> str:
    index.search_now("warm up")
    times = []
    for _ in range(rounds):
        for query in QUERIES:
            start = time.perf_counter()
            index.search_now(query)
            times.append(1000 * (time.perf_counter() - start))
    return (
        f"p50 {statistics.median(times):.1f} ms, p95 {statistics.quantiles(times, n=20)[-1]:.1f} ms"
    )


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else 60
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        corpus(root / "team", count)
        url = f"sqlite:///{root}/knowledge.db"
        engine = create_engine(url)
        create_tables(engine)

        start = time.perf_counter()
        index = KnowledgeIndex.open(engine, root / "data")
        print(f"first open, built-in library included: {time.perf_counter() - start:.2f} s")
        before = index.status().chunks
        start = time.perf_counter()
        report = index.add([root / "team"], NOW)
        seconds = time.perf_counter() - start
        made = index.status().chunks - before
        print(
            f"ingestion: {report.added} documents, {made} passages in {seconds:.1f} s, "
            f"{made / seconds:.0f} passages/s (llama-index and Chroma loaded and written included)"
        )
        start = time.perf_counter()
        index.refresh(NOW)
        print(f"refresh of nothing: {time.perf_counter() - start:.2f} s")
        print(f"search, exact, {made + before} passages: {latency(index)}")
        start = time.perf_counter()
        index.rebuild()
        print(f"rebuild of the derived indexes: {time.perf_counter() - start:.2f} s")
        index.close()

        index = KnowledgeIndex.open(engine, root / "data", vectors="chroma")
        while index.status().vectors != "chroma":
            index.search_now("anything")
            time.sleep(0.05)
        print(f"search, Chroma, {made + before} passages: {latency(index)}")
        index.close()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        disk = sum(file.stat().st_size for file in (root / "data").rglob("*") if file.is_file())
        size = (root / "knowledge.db").stat().st_size
        print(
            f"memory at most {peak:.0f} MB; disk: store {size / 1e6:.1f} MB, derived {disk / 1e6:.1f} MB"
        )
        for loaded in ("0", "1"):
            finished = subprocess.run(
                [sys.executable, "-c", FRESH, url, str(root / "data"), loaded],
                capture_output=True,
                text=True,
                check=True,
            )
            opened, first, rss = finished.stdout.split()
            what = "with llama-index imported" if loaded == "1" else "as it is"
            print(f"fresh process {what}: open {opened} s, first answer {first} s, {rss} MB")
        engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
