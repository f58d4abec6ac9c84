"""Compare the emulated Prometheus with a real one: same samples, same queries, every difference.

    python benchmarks/promql_agreement.py                # starts `prometheus` on a loopback port
    python benchmarks/promql_agreement.py --golden FILE  # also freezes the real answers for tests

Samples reach the real one by remote write, because that is the only way in for staleness markers.
Needs the `prometheus` program (2.25 or later) on the path; it is stopped and its data removed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import shutil
import socket
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.promql_queries import QUERIES, random_queries
from eval.environments.emulator.telemetry.prometheus_api import PrometheusServer
from eval.environments.emulator.telemetry.series import (
    STALE_NAN,
    SeriesStore,
)

T0 = 1_700_000_000_000
MINUTES = 40
Sample = tuple[int, float]
Data = list[tuple[dict[str, str], list[Sample]]]

# (kind, parameters): instants on a scrape, between scrapes, at the end, and two resolutions
MOMENTS: dict[str, dict[str, str]] = {
    "on a scrape": {"time": str(T0 // 1000 + 1200)},
    "between": {"time": str(T0 / 1000 + 1387.654)},
    "late": {"time": str(T0 // 1000 + 2395)},
    "by minute": {
        "start": str(T0 // 1000 + 300),
        "end": str(T0 // 1000 + 2400),
        "step": "60",
    },
    "uneven": {
        "start": str(T0 / 1000 + 611.5),
        "end": str(T0 / 1000 + 1811.5),
        "step": "37.3",
    },
    "sparse": {
        "start": str(T0 / 1000 + 611.5),
        "end": str(T0 / 1000 + 2000),
        "step": "297.3",
    },
}
FROZEN = ("between", "sparse")


def samples(seed: int = 7) -> Data:
    """Generate series with resets, gaps, jitter, ends, returns, NaN, infinities and late starts."""
    rng = random.Random(seed)
    every = [T0 + i * 15_000 for i in range(MINUTES * 4)]
    data: Data = []

    def add(
        name: str, values: Iterator[float] | list[float], times: list[int], **labels: str
    ) -> None:
        data.append(({"__name__": name, **labels}, list(zip(times, values, strict=False))))

    def counter(rate: float, resets: tuple[int, ...] = (), start: float = 0) -> Iterator[float]:
        value = start
        for i in range(10_000):
            value = 0 if i in resets else value + rng.randint(0, max(1, int(rate * 2)))
            yield value

    for service in ("cart", "search"):
        for i in range(2):
            for code in ("200", "500"):
                jitter = [t + rng.randint(0, 40) for t in every] if i else every
                resets = (50, 101) if code == "200" and i else ()
                begin = 37 if code == "500" and i else 0
                add(
                    "http_requests_total",
                    counter(40 if code == "200" else 3, resets, start=3 if begin else 1000),
                    jitter[begin:],
                    job="api", service=service, instance=f"10.0.0.{i}:80", code=code,
                )  # fmt: skip
        les = ["0.05", "0.1", "0.5", "1", "2.5", "+Inf"]
        if service == "search":
            les.remove("0.5")
        columns: dict[str, list[float]] = {le: [] for le in les}
        counts = dict.fromkeys(les, 0)
        total = 0.0
        for _ in every:
            for _ in range(rng.randint(0, 9)):
                took = rng.expovariate(3 if service == "cart" else 1.2)
                total += took
                for le in les:
                    counts[le] += took <= float(le)
            for le in les:
                columns[le].append(counts[le])
        for le in les:
            add("latency_seconds_bucket", columns[le], every, service=service, le=le)
        add("latency_seconds_count", columns["+Inf"], every, service=service)
    for i in range(3):
        walk, value = [], 2e8
        for _ in every:
            value += rng.gauss(0, 3e6)
            walk.append(round(value, 1))
        pod = f"pod-{i}"
        add("memory_bytes", walk, every, namespace="shop", pod=pod, container="app")
        add("cpu_seconds_total", [round(j * (0.31 + i), 4) for j in range(160)],
            [t + 123 for t in every], namespace="shop", pod=pod, container="app")  # fmt: skip
        add("pod_info", [1.0] * 160, every, namespace="shop", pod=pod, node=f"n{i % 2}")
    add("node_capacity", [4.0] * 160, every, node="n0", zone="a")
    add("node_capacity", [8.0] * 160, every, node="n1", zone="b")
    up = [1.0] * 60 + [0.0] * 12 + [1.0] * 88
    add("up", up, every, job="api", instance="10.0.0.0:80")
    add("up", [1.0] * 160, every, job="api", instance="10.0.0.1:80")
    add("temperature", [round(20 * math.sin(j / 9), 3) for j in range(160)], every, room="a")
    add("temperature", [round(-3 - j / 7, 3) for j in range(160)], every, room="b")
    weird = [1.0, math.nan, math.inf, -math.inf, 5.0, -2.5, math.nan, 0.0] * 20
    add("weird", weird, every, kind="mixed")
    add("weird", [math.nan] * 160, every, kind="nan")
    add("weird", [1e-9, 3e22, 0.1, 123456789.125] * 40, every, kind="scale")
    # ends with a marker, comes back; and a plain gap longer than the lookback
    ends = [4.0 + (j % 3) for j in range(60)] + [STALE_NAN] + [9.0 + j for j in range(40)]
    add("session_active", ends, every[:61] + every[85:125], user="x")
    add("session_active", [2.0] * 20 + [7.0] * 30, every[:20] + every[64:94], user="y")
    add("session_active", [3.0] * 160, every, user="z")
    slow = [T0 + 61_000 * i + rng.randint(0, 9000) for i in range(38)]
    add("slow_total", counter(5), slow, job="batch")
    add("fresh_total", counter(8, start=1), [t + 900_000 for t in every[:12]], job="batch")
    add("constant", [42.0] * 160, every, a="1", b="x.y")
    add("constant", [42.0] * 160, every, a="2", b="z")
    return data


def load(data: Data) -> SeriesStore:
    """Put the samples into the emulated Prometheus."""
    store = SeriesStore()
    for labels, points in data:
        rest = {name: value for name, value in labels.items() if name != "__name__"}
        series = store.series(labels["__name__"], rest)
        series.extend([ms / 1000 for ms, _ in points], [value for _, value in points])
    return store


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _write_request(data: Data, start: int, end: int) -> bytes:
    """Encode the samples of [start, end) as a remote-write body (protobuf, literal snappy)."""
    body = b""
    for labels, points in data:
        chosen = [point for point in points if start <= point[0] < end]
        if chosen:
            series = b""
            for name, value in sorted(labels.items()):
                series += _field(1, _field(1, name.encode()) + _field(2, value.encode()))
            for ms, number in chosen:
                series += _field(2, b"\x09" + struct.pack("<d", number) + b"\x10" + _varint(ms))
            body += _field(1, series)
    packed = _varint(len(body))
    for at in range(0, len(body), 65536):
        chunk = body[at : at + 65536]
        packed += bytes([61 << 2]) + struct.pack("<H", len(chunk) - 1) + chunk
    return packed


@asynccontextmanager
async def real_prometheus(http: aiohttp.ClientSession, data: Data) -> AsyncIterator[str]:
    """Run the real program with the samples loaded; stop it and remove its data at the end."""
    program = shutil.which("prometheus")
    if program is None:
        raise SystemExit("no `prometheus` on the path: install it (Debian: apt install prometheus)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="promql-agreement-"))
    (folder / "prometheus.yml").write_text("global: {}\n")
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
        "--log.level=error",
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await _ready(http, url)
        step = 5 * 60_000
        for start in range(T0, T0 + MINUTES * 60_000, step):
            body = _write_request(data, start, start + step)
            headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
            async with http.post(f"{url}/api/v1/write", data=body, headers=headers) as answer:
                if answer.status >= 300:
                    raise SystemExit(f"remote write failed: {await answer.text()}")
        yield url
    finally:
        process.terminate()
        await process.wait()
        shutil.rmtree(folder)


async def _ready(http: aiohttp.ClientSession, url: str) -> None:
    for _ in range(100):
        try:
            async with http.get(f"{url}/-/ready") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)
    raise SystemExit("prometheus did not become ready in 10 s")


async def ask(http: aiohttp.ClientSession, url: str, query: str, params: dict[str, str]) -> Any:
    """Return the HTTP status and the body."""
    path = "query_range" if "step" in params else "query"
    async with http.get(f"{url}/api/v1/{path}", params={"query": query, **params}) as answer:
        return {**json.loads(await answer.text()), "code": answer.status}


def differences(query: str, real: Any, ours: Any) -> str:
    """Say what differs, "" for nothing. Values may differ by 1e-9 of their size."""
    for key in ("code", "errorType"):
        if real.get(key) != ours.get(key):
            return f"{key}: {real.get(key)} {real.get('error', '')!r} | {ours.get(key)} {ours.get('error', '')!r}"
    if real["code"] != 200:
        return ""
    real, ours = real["data"], ours["data"]
    if real["resultType"] != ours["resultType"]:
        return f"type: {real['resultType']} | {ours['resultType']}"
    if real["resultType"] in ("scalar", "string"):
        return _unequal([real["result"]], [ours["result"]])
    rows, own = [
        {json.dumps(r["metric"], sort_keys=True): r.get("values") or [r["value"]] for r in side["result"]}
        for side in (real, ours)
    ]  # fmt: skip
    if rows.keys() != own.keys():
        return f"only real: {sorted(rows.keys() - own.keys())} only ours: {sorted(own.keys() - rows.keys())}"
    ordered = query.startswith(("sort", "topk", "bottomk")) or real["resultType"] == "matrix"
    if ordered and list(rows) != list(own):
        return f"order: {list(rows)} | {list(own)}"
    return next((f"{k}: {d}" for k in rows if (d := _unequal(rows[k], own[k]))), "")


def _unequal(real: list[list[Any]], ours: list[list[Any]]) -> str:
    if [at for at, _ in real] != [at for at, _ in ours]:
        return f"times: {[at for at, _ in real]} | {[at for at, _ in ours]}"
    for (at, a), (_, b) in zip(real, ours, strict=True):
        if a == b:
            continue
        try:
            close = math.isclose(float(a), float(b), rel_tol=1e-9, abs_tol=1e-12)
        except ValueError:
            close = False
        if not close:
            return f"at {at}: {a} | {b}"
    return ""


def golden(data: Data, version: str, answers: list[dict[str, Any]]) -> str:
    """Write samples and real answers compactly; numbers that JSON lacks become strings."""
    series = []
    for labels, points in data:
        values: list[float | str | int] = []
        for _, value in points:
            stale = struct.pack("<d", value) == struct.pack("<d", STALE_NAN)
            odd = "stale" if stale else str(value)
            values.append(
                odd if not math.isfinite(value) else int(value) if value == int(value) else value
            )
        gaps = [later[0] - earlier[0] for earlier, later in pairwise(points)]
        steps = gaps if len(set(gaps)) > 1 else gaps[0]
        first = points[0][0] - T0
        series.append({"labels": labels, "first": first, "steps": steps, "values": values})
    compact = {"separators": (",", ":")}
    lines = [f'{{"prometheus":"{version}","t0":{T0},"series":[']
    lines += [",\n".join(json.dumps(row, **compact) for row in series), '],"answers":[']
    lines += [",\n".join(json.dumps(row, **compact) for row in answers), "]}"]
    return "\n".join(lines) + "\n"


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--golden", type=Path, help="freeze real answers in this file")
    parser.add_argument("--random", type=int, default=0, help="also compare so many random ones")
    parser.add_argument("--seed", type=int, default=1, help="for the random ones")
    options = parser.parse_args()
    data, differing, frozen = samples(), 0, []
    names = sorted({labels["__name__"] for labels, _ in data})
    queries = [*QUERIES, *random_queries(names, T0 // 1000, options.random, options.seed)]
    own = PrometheusServer(load(data), time.time)
    own_url = await own.serve()
    count, both, filled, seconds = 0, set(), set(), {"real": 0.0, "ours": 0.0}
    try:
        async with aiohttp.ClientSession() as http, real_prometheus(http, data) as url:
            async with http.get(f"{url}/api/v1/status/buildinfo") as answer:
                version = (await answer.json())["data"]["version"]
            for query in queries:
                for moment, params in MOMENTS.items():
                    began = time.perf_counter()
                    real = await ask(http, url, query, params)
                    between = time.perf_counter()
                    ours = await ask(http, own_url, query, params)
                    seconds["real"] += between - began
                    seconds["ours"] += time.perf_counter() - between
                    count += 1
                    if real["code"] == ours["code"] == 200:
                        both.add(query)
                        if real["data"]["result"]:
                            filled.add(query)
                    if difference := differences(query, real, ours):
                        differing += 1
                        print(f"{query}\n    {moment}: {difference}")
                    if moment in FROZEN and query in QUERIES:
                        real.pop("error", None)
                        frozen.append({"query": query, "params": params, "answer": real})
    finally:
        await own.close()
    print(
        f"Prometheus {version}: {len(queries)} queries, {len(both)} answered by both, {len(filled)} not empty"
    )
    print(f"{count - differing} of {count} evaluations agree; seconds: {seconds}")
    if options.golden:
        options.golden.write_text(golden(data, version, frozen))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
