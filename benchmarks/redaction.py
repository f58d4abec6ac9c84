"""What the redactor misses, what it masks wrongly, and how fast it is.

.venv/bin/python -m benchmarks.redaction [LINES]
"""

from __future__ import annotations

import random
import sys
import time
import uuid
from collections.abc import Iterator

from benchmarks.secret_corpus import KINDS, corpus
from copilot.tools.redact import redact

# The layouts of sixteen kinds of systems, as they write when nothing secret is about.
_LAYOUTS = (
    "081109 203615 {n} INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_{big} terminating",
    "2026-10-18 18:01:47,978 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Created MRAppMaster for application appattempt_{big}_{n}",
    "17/06/09 20:10:40 INFO executor.CoarseGrainedExecutorBackend: Got assigned task {n}",
    "2026-07-29 19:04:12,394 - INFO [/{ip}:3888:QuorumCnxManager$Listener@493] - Received connection request /{ip}:{port}",
    "- 1117838570 2026.06.03 R02-M1-N0-C:J12-U11 RAS KERNEL INFO instruction cache parity error corrected {hex}",
    "{n} node-246 unix.hw state_change.unavailable {big} 1 Component State Change: Component is in the unavailable state",
    "- 1131566461 2026.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond(pam_unix)[{n}]: session closed for user root",
    "2026-09-28 04:30:30, Info CBS Loaded Servicing Stack v6.1.7601.{n} with Core: C:\\Windows\\winsxs\\{hex}\\cbscore.dll",
    "Jun 14 15:16:01 combo sshd(pam_unix)[{n}]: authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost={ip}",
    "03-17 16:13:38.811 1702 {n} D WindowManager: printFreezingDisplayLogsopening app wtoken = AppWindowToken{{{hex} token=Token{{{hex}}}}}, allDrawn= false",
    "20171223-22:15:29:606|Step_LSC|{n}|onStandStepChanged {n}",
    "[Sun Dec 04 04:47:44 2026] [error] mod_jk child workerEnv in error state {n}",
    "[10.30 16:49:06] chrome.exe - proxy.cse.example.edu:5070 close, {n} bytes sent, {n} bytes received, lifetime 00:01",
    "Dec 10 06:55:46 LabSZ sshd[{n}]: Failed password for invalid user webmaster from {ip} port {port} ssh2",
    'nova-api.log.1 2026-05-16 00:00:00.008 {n} INFO nova.osapi_compute.wsgi.server [req-{uuid} {hex} - - -] {ip} "GET /v2/{hex}/servers/detail HTTP/1.1" status: 200 len: {n} time: 0.2477829',
    "Jul 1 09:00:55 calvisitor kernel[0]: IOThunderboltSwitch<{n}>(0x{hex})::listenerCallback - Thunderbolt HPD packet for route = 0x0 port = 11 unplug = 0",
    # and those of programs in clusters
    '{ip} - - [01/Mar/2026:02:45:00 +0000] "GET /api/cart/{n} HTTP/1.1" 200 {n} "-" "curl/8.5.0"',
    '{{"level":"info","ts":1740796800.{n},"msg":"request completed","trace_id":"{hex}{hex}","user_id":{n},"key":"user:{n}"}}',
    '{{"t":{{"$date":"2026-03-01T02:45:00"}},"s":"I","c":"NETWORK","id":{n},"ctx":"conn{n}","msg":"Connection accepted","attr":{{"remote":"{ip}:{port}","uuid":"{uuid}"}}}}',
    "I0301 02:45:00.000000 1 controller.go:{n}] Starting token controller for shop/cart-{n} generation={n}",
    "pulled image registry/shop/cart@sha256:{hex}{hex}{hex}{hex} in {n}ms",
    "max_tokens={n} token_count={n} secretName=db-login key: user-{n} password authentication failed for user app",
)


def ordinary(count: int, seed: int = 7) -> Iterator[str]:
    """Yield log lines without a secret."""
    chance = random.Random(seed)
    for number in range(count):
        yield _LAYOUTS[number % len(_LAYOUTS)].format(
            n=chance.randrange(10**6),
            big=chance.getrandbits(63),
            hex=f"{chance.getrandbits(64):016x}",
            ip=".".join(str(chance.randrange(256)) for _ in range(4)),
            port=chance.randrange(1024, 65536),
            uuid=uuid.UUID(int=chance.getrandbits(128)),
        )


def missed(each: int = 4) -> tuple[int, list[str]]:
    """Return how many secrets there were, and those that got through."""
    total, through = 0, []
    for kind, place, text, secret in corpus(each):
        total += 1
        if secret in redact(text):
            through.append(f"{kind} in {place}")
    return total, through


def main(count: int) -> int:
    total, through = missed(8)
    for name in sorted(set(through)):
        print(f"MISSED {name}")
    print(f"{total - len(through)} of {total} secrets of {len(KINDS)} kinds are masked")
    lines = list(ordinary(count))
    begin = time.perf_counter()
    masked = [line for line in lines if redact(line) != line]
    seconds = time.perf_counter() - begin
    size = sum(map(len, lines)) / 1e6
    for line in dict.fromkeys(redact(line)[:160] for line in masked[:5]):
        print(f"FALSE {line}")
    print(
        f"{len(masked)} of {len(lines):,} ordinary lines are masked wrongly"
        f" ({len(masked) / len(lines):.2%}); {size / seconds:.1f} MB/s"
    )
    return 1 if through or len(masked) > len(lines) / 100 else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
