"""exec_shell of a session: kubectl and text filters against the problem's own cluster, nothing else.

AIOpsLab runs an agent's command in a shell of the host. Here every program of the line must be one of
a few, files stay in a folder of the session, and kubectl cannot be led to another cluster.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import shutil
from pathlib import Path

from copilot.model.clock import Clock
from eval.session.costs import runs_by_itself

_FILTERS = (
    "grep",
    "egrep",
    "head",
    "tail",
    "sort",
    "uniq",
    "wc",
    "cut",
    "tr",
    "cat",
    "echo",
    "true",
)
_ELSEWHERE = (
    "--kubeconfig", "--context", "--cluster", "--server", "-s", "--user", "--token", "--as",
    "--certificate-authority", "--client-key", "--client-certificate", "--raw",
)  # fmt: skip
_BLOCKED = {
    "kubectl edit": "Error: `kubectl edit` needs an editor. Use `kubectl patch` instead.",
    "edit svc": "Error: `kubectl edit` needs an editor. Use `kubectl patch` instead.",
    "kubectl port-forward": "Error: `kubectl port-forward` is interactive and cannot be used.",
    "docker logs -f": "Error: `docker logs -f` never ends. Leave -f away.",
    "kubectl logs -f": "Error: `kubectl logs -f` never ends. Leave -f away.",
    "kubectl proxy": "Error: `kubectl proxy` never ends and cannot be used.",
    "kubectl cp": "Error: `kubectl cp` cannot be used.",
    "kubectl plugin": "Error: kubectl's plugins cannot be used.",
}
_SLEEP = re.compile(r"^\s*sleep\s+(\d+(?:\.\d+)?)\s*(?:&&|;|$)\s*")
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
_LONGEST_SLEEP = 600.0
_REAL_SECONDS = 30.0


async def exec_shell(
    command: str, *, kubeconfig: Path, folder: Path, clock: Clock, program: str = ""
) -> str:
    """Run a line and return its output, or one line that says why not. Waiting is virtual."""
    for text, refusal in _BLOCKED.items():
        if text in command:
            return refusal
    while match := _SLEEP.match(command):
        await clock.sleep(min(float(match[1]), _LONGEST_SLEEP))
        command = command[match.end() :]
    if not command.strip():
        return ""
    if reason := refused(command):
        return f"Error: {reason}"
    found = program or shutil.which("kubectl")
    if not found:
        return "Error: kubectl is not installed. Use the other actions."
    bin_ = folder / "bin"
    if not bin_.exists():
        bin_.mkdir(parents=True)
        (bin_ / "kubectl").symlink_to(found)
        for name in _FILTERS:
            if place := shutil.which(name):
                (bin_ / name).symlink_to(place)
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": str(bin_), "KUBECONFIG": str(kubeconfig), "HOME": str(folder)},
        cwd=folder,
    )
    return await _output(process, clock)


async def _output(process: asyncio.subprocess.Process, clock: Clock) -> str:
    """Wait for the end; a command that waits for the cluster lets virtual time pass."""
    reading = asyncio.ensure_future(process.communicate())
    waited = 0.0
    try:
        while True:
            done, _ = await asyncio.wait({reading}, timeout=1.0)
            if done:
                return reading.result()[0].decode("utf-8", "replace")
            waited += 1.0
            if waited >= _REAL_SECONDS:
                return f"Error: the command did not end within {_REAL_SECONDS:g} s."
            if waited > 2.0 and not runs_by_itself(clock):
                await clock.sleep(10.0)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await asyncio.wait({reading}, timeout=5.0)


def refused(command: str) -> str:
    """Say why a line is not run; "" when it may."""
    heredoc = _HEREDOC.search(command)
    line = command[: heredoc.start()] if heredoc else command
    if heredoc and "\n" in command:
        after = command[heredoc.end() :].partition("\n")[0]
        line += " " + after
    if "`" in line or "$(" in line or "${" in line:
        return "substitution is not supported; write the value out"
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split = " \t\r", True
    try:
        words = list(lexer)
    except ValueError as error:
        return f"the command cannot be read: {error}"
    first = True
    program = ""
    for word in words:
        if set(word) <= set("|&;\n") and word:
            if word == "&":
                return "nothing can run in the background"
            first = True
        elif set(word) <= set("<>&"):
            return "redirection is not supported, but for a here document"
        elif set(word) <= set("()"):
            return "subshells are not supported"
        elif first:
            program, first = word, False
            if program != "kubectl" and program not in _FILTERS:
                return f"{program} is not available; there are kubectl, {', '.join(_FILTERS)}"
        elif reason := _argument(program, word):
            return reason
    return ""


def _argument(program: str, word: str) -> str:
    if program == "kubectl":
        if word.split("=")[0] in _ELSEWHERE:
            return f"{word.split('=')[0]} is not supported: there is one cluster and one user"
        return ""
    if word.startswith(("/", "~")) or ".." in word:
        return "files outside the session's folder cannot be read"
    return ""
