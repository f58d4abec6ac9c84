"""Keeps a shallow working copy of a repository, by the git binary."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

from connectors.api.errors import (
    ConnectorError,
    SourceForbidden,
    SourceMissing,
    SourceUnreachable,
)
from connectors.api.http_failures import one_line
from connectors.files.settings import GitSettings

# What ssh and corporate networks need.
_PASSED = (
    *("PATH", "HOME", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "GIT_SSL_CAINFO"),
    *("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"),
)
# Runs in git's own helper protocol; the token comes from the environment, which only git inherits.
_HELPER = '!f() { test "$1" = get && echo "username=$COPILOT_GIT_USER" && echo "password=$COPILOT_GIT_TOKEN"; }; f'


async def update(settings: GitSettings) -> Path:
    """Bring the working copy to the newest commit; return its folder. Raises `ConnectorError`."""
    copy = settings.cache
    if not (copy / ".git").is_dir():
        await asyncio.to_thread(_fresh, copy)
        await run(settings, "init", "--quiet", str(copy))
        await run(settings, "remote", "add", "origin", _place(settings), folder=copy)
    else:
        await run(settings, "remote", "set-url", "origin", _place(settings), folder=copy)
    await run(
        settings,
        *("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "origin"),
        settings.branch or "HEAD",
        folder=copy,
    )
    await run(settings, "checkout", "--quiet", "--force", "--detach", "FETCH_HEAD", folder=copy)
    await run(settings, "clean", "-fdxq", folder=copy)
    return copy / settings.subfolder


async def heads(settings: GitSettings) -> str:
    """Ask the repository for its branch's commit. Raises `ConnectorError`."""
    said = await run(settings, "ls-remote", _place(settings), settings.branch or "HEAD")
    commit = said.split()
    if not commit:
        raise SourceMissing(f"the repository {settings.url} has no branch {settings.branch!r}")
    return commit[0]


async def run(settings: GitSettings, *arguments: str, folder: Path | None = None) -> str:
    """Run git without a shell, hooks or prompts; return what it printed."""
    binary = await asyncio.to_thread(shutil.which, "git")
    if binary is None:
        raise SourceUnreachable("git is not installed here: install it, or index a folder instead")
    safe = [
        *("-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never"),
        *("-c", "core.symlinks=false", "-c", "credential.helper="),
    ]
    if settings.token:
        safe += ["-c", f"credential.helper={_HELPER}"]
    process = await asyncio.create_subprocess_exec(
        binary,
        *safe,
        *arguments,
        cwd=folder or "/",
        env=_environment(settings),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(settings.timeout):
            out, err = await process.communicate()
    except TimeoutError:
        raise SourceUnreachable(
            f"git did not end within {settings.timeout:g} s: {settings.url}"
        ) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        # After a kill the transport closes its pipes only when told so.
        process._transport.close()  # type: ignore[attr-defined]
    if process.returncode:
        raise _failed(settings, err.decode("utf-8", "replace"))
    return out.decode("utf-8", "replace")


def _fresh(copy: Path) -> None:
    if copy.exists():
        shutil.rmtree(copy)
    copy.mkdir(parents=True)


def _place(settings: GitSettings) -> str:
    folder = Path(settings.url).expanduser()
    return folder.resolve().as_uri() if folder.is_dir() else settings.url


def _environment(settings: GitSettings) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _PASSED if name in os.environ}
    kept |= {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    kept |= {"GIT_SSH_COMMAND": "ssh -o BatchMode=yes", "GIT_CONFIG_GLOBAL": os.devnull}
    # Whose folder a local repository is does not matter for reading it.
    kept |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    if settings.token:
        kept |= {"COPILOT_GIT_USER": settings.username, "COPILOT_GIT_TOKEN": settings.token}
    return kept


def _failed(settings: GitSettings, said: str) -> ConnectorError:
    lines = [line for line in said.splitlines() if line.startswith(("fatal", "error", "remote"))]
    text = one_line((lines or [said])[-1]) or "no reason given"
    where = f"the repository {settings.url}"
    lowered = said.lower()
    if any(word in lowered for word in ("authentication failed", "permission denied", "403", "could not read username", "terminal prompts disabled")):  # fmt: skip
        return SourceForbidden(f"{where} refuses us: {text}")
    if any(word in lowered for word in ("not found", "does not exist", "couldn't find remote ref", "not appear to be a git")):  # fmt: skip
        return SourceMissing(f"{where} or its branch does not exist: {text}")
    if (
        "unable to access" in lowered
        or "could not resolve" in lowered
        or "could not read from" in lowered
    ):
        return SourceUnreachable(f"{where} cannot be reached: {text}")
    return ConnectorError(f"{where} cannot be read: {text}")
