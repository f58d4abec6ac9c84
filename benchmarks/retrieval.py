"""Speed and size of retrieval: `python -m benchmarks.retrieval [--sizes 1000,10000,100000] [--chroma]`.

Prints passages per second at ingestion through the real model; then, for bases of so many passages with
generated texts and random vectors, search latency, the time from a fresh process to its first answer, memory
and disk. `--chroma` measures that index beside the exact search. `--folder DIR` keeps the bases, so that the
next run only measures.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine

from benchmarks.retrieval_scale import COMMON, fill
from retrieval.embedding.minilm import MiniLM
from retrieval.indexes.derived import VectorSearch
from retrieval.ingestion.splitting import CHUNKER
from retrieval.knowledge import KnowledgeIndex
from retrieval.store import DocumentStore, create_tables

NOW = datetime(2026, 3, 4, tzinfo=UTC)
SIZES = "1000,10000,100000"
QUERIES = (
    "why do my pods keep dying and restarting",
    "KubePodCrashLooping",
    "connection refused between two services after the deploy",
    "latency doubled at 03:00 and the database is busy",
    "image cannot be pulled",
    "x509: certificate has expired or is not yet valid",
    "nobody can log in since the password rotation",
    "0/5 nodes are available: insufficient memory",
    "teh conatiner was kiled for its memmory",
)

FRESH = """
import sys, time
start = time.perf_counter()
from pathlib import Path
from sqlalchemy import create_engine
from retrieval.knowledge import KnowledgeIndex
engine = create_engine(sys.argv[1])
index = KnowledgeIndex.open(engine, Path(sys.argv[2]))
opened = time.perf_counter()
index.search_now("why do my pods keep dying and restarting")
first = time.perf_counter()
lines = Path("/proc/self/status").read_text().splitlines()
rss = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
print(f"{opened - start:.2f} {first - start:.2f} {rss:.0f}")
index.close()
"""


def team(folder: Path, count: int) -> None:
    chance = random.Random(1)
    folder.mkdir(parents=True)
    for number in range(count):
        parts = [f"# Case {number}: {' '.join(chance.sample(COMMON, 4))}"]
        for heading in ("Symptoms", "Check first", "Fix", "Verify"):
            text = " ".join(chance.choices(COMMON, k=chance.randint(60, 140)))
            parts.append(f"## {heading}\n\n{text}.")
        (folder / f"{number}.md").write_text("\n\n".join(parts))


def latency(index: KnowledgeIndex, rounds: int) -> str:
    index.search_now("warm up")
    wall, busy = [], []
    for _ in range(rounds):
        for query in QUERIES:
            start, used = time.perf_counter(), time.process_time()
            index.search_now(query)
            wall.append(1000 * (time.perf_counter() - start))
            busy.append(1000 * (time.process_time() - used))
    # Both, since a shared machine makes the first many times the second.
    return "; ".join(
        f"{name} p50 {statistics.median(times):.1f} ms, p95 {statistics.quantiles(times, n=20)[-1]:.1f} ms"
        for name, times in (("wall", wall), ("processor", busy))
    )


def ingestion(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        team(root / "team", count)
        engine = create_engine(f"sqlite:///{root}/knowledge.db")
        create_tables(engine)
        start = time.perf_counter()
        with KnowledgeIndex.open(engine, root / "data") as index:
            print(f"first open, built-in library included: {time.perf_counter() - start:.2f} s")
            before = index.status().chunks
            start, busy = time.perf_counter(), time.process_time()
            report = index.add([root / "team"], NOW)
            seconds, used = time.perf_counter() - start, time.process_time() - busy
            made = index.status().chunks - before
            print(
                f"ingestion: {report.added} documents, {made} passages in {seconds:.1f} s, "
                f"{made / seconds:.0f} passages/s, {used:.1f} s of processor time "
                "(llama-index and Chroma loaded and written included)"
            )
            start = time.perf_counter()
            index.refresh(NOW)
            print(f"refresh of nothing: {time.perf_counter() - start:.2f} s")
        engine.dispose()


def base(root: Path, passages: int) -> str:
    """Return the URL of a store of so many passages in a folder, made unless it is there."""
    url = f"sqlite:///{root}/knowledge.db"
    # Named by the splitter, whose next version makes other passages.
    done = root / f"filled-{CHUNKER}"
    if not done.exists():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        engine = create_engine(url)
        create_tables(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.exec_driver_sql("PRAGMA synchronous=OFF")
        fill(DocumentStore(engine), MiniLM(), passages, NOW)
        engine.dispose()
        done.touch()
    return url


def search(passages: int, kinds: tuple[VectorSearch, ...], rounds: int, kept: Path | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = (kept or Path(name)) / str(passages)
        url = base(root, passages)
        engine = create_engine(url)
        for kind in kinds:
            start = time.perf_counter()
            index = KnowledgeIndex.open(engine, root / "data", vectors=kind)
            if kind == "chroma":
                index.rebuild()
                print(f"  rebuild with Chroma: {time.perf_counter() - start:.1f} s")
            index.search_now("first")
            state = index.status()
            print(f"{state.chunks} passages, {state.vectors}: {latency(index, rounds)}", flush=True)
            index.close()
        disk = sum(file.stat().st_size for file in (root / "data").rglob("*") if file.is_file())
        size = sum(file.stat().st_size for file in root.glob("knowledge.db*"))
        print(f"  disk: store {size / 1e6:.0f} MB, derived {disk / 1e6:.0f} MB")
        finished = subprocess.run(
            [sys.executable, "-c", FRESH, url, str(root / "data")],
            capture_output=True,
            text=True,
            check=True,
        )
        opened, first, rss = finished.stdout.split()
        print(f"  fresh process: open {opened} s, first answer {first} s, at most {rss} MB")
        engine.dispose()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval")
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--chroma", action="store_true")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--documents", type=int, default=40, help="for ingestion; 0 leaves it out")
    parser.add_argument("--folder", type=Path, help="keep the bases there for the next run")
    chosen = parser.parse_args(arguments)
    if chosen.documents:
        ingestion(chosen.documents)
    kinds: tuple[VectorSearch, ...] = ("exact", "chroma") if chosen.chroma else ("exact",)
    for passages in map(int, chosen.sizes.split(",")):
        search(passages, kinds, chosen.rounds, chosen.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
