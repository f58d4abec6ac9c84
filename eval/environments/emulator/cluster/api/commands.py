"""The commands that `exec` knows: they read files, the environment and the network, no more."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.shell import Inside

_DNS = "10.96.0.10"


@dataclass(frozen=True, slots=True)
class Output:
    """What a command wrote, and its exit code. `missing`: it could not be started, and why."""

    out: str = ""
    err: str = ""
    code: int = 0
    missing: str = ""
    echo: bool = False


@dataclass(frozen=True, slots=True)
class Shell:
    """One container to run commands in."""

    inside: Inside
    pod: Json
    container: str
    now: datetime

    def files(self) -> dict[str, str]:
        """Return the files by path."""
        return dict(self.inside.mounted(self.pod, self.container))


def run(inside: Inside, pod: Json, container: str, command: Sequence[str], now: datetime) -> Output:
    """Run a command in a container."""
    answered = inside.command(pod, container, command, now)
    if answered is not None:
        code, text = answered
        return Output(out=text, code=code) if code == 0 else Output(err=text, code=code)
    shell = Shell(inside, pod, container, now)
    if command[0].rsplit("/", 1)[-1] in ("sh", "bash", "ash") and list(command[1:2]) == ["-c"]:
        return _script(shell, " ".join(command[2:3]))
    return _one(shell, command)


def _one(shell: Shell, command: Sequence[str]) -> Output:
    name = command[0].rsplit("/", 1)[-1]
    known = _COMMANDS.get(name)
    if known is None:
        return Output(
            code=127,
            missing="error executing command in container: failed to exec in container: failed to"
            f' start exec "{shell.pod["metadata"]["uid"].replace("-", "") * 2}": OCI runtime exec'
            " failed: exec failed: unable to start container process:"
            f' exec: "{command[0]}": executable file not found in $PATH: unknown',
        )
    return known(shell, list(command[1:]))


def _script(shell: Shell, text: str) -> Output:
    """Run commands joined by `;` and `&&`."""
    out, err, code, skip = "", "", 0, False
    for part, joint in _parts(text):
        if not skip and part:
            words = [_expand(shell, word) for word in part]
            done = _one(shell, words)
            if done.missing:
                done = Output(err=f"sh: 1: {words[0]}: not found\n", code=127)
            out, err, code = out + done.out, err + done.err, done.code
        skip = (joint == "&&" and code != 0) or (joint == "||" and code == 0)
    return Output(out, err, code)


def _parts(text: str) -> list[tuple[list[str], str]]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    parts: list[tuple[list[str], str]] = []
    words: list[str] = []
    for token in lexer:
        if token in (";", "&&", "||"):
            parts.append((words, token))
            words = []
        else:
            words.append(token)
    return [*parts, (words, "")]


def _expand(shell: Shell, word: str) -> str:
    if word.startswith("$") and len(word) > 1:
        found = shell.inside.environment(shell.pod, shell.container)
        return found.get(word[1:].strip("{}"), "")
    return word


def _env(shell: Shell, words: list[str]) -> Output:
    found = shell.inside.environment(shell.pod, shell.container)
    return Output("".join(f"{name}={value}\n" for name, value in found.items()))


def _printenv(shell: Shell, words: list[str]) -> Output:
    if not words:
        return _env(shell, words)
    found = shell.inside.environment(shell.pod, shell.container)
    out = "".join(f"{found[name]}\n" for name in words if name in found)
    return Output(out, code=0 if all(name in found for name in words) else 1)


def _cat(shell: Shell, words: list[str]) -> Output:
    files, out, err = shell.files(), "", ""
    for path in words:
        if path in files:
            out += files[path]
        elif any(name.startswith(path.rstrip("/") + "/") for name in files):
            err += f"cat: {path}: Is a directory\n"
        else:
            err += f"cat: {path}: No such file or directory\n"
    return Output(out, err, 1 if err else 0, echo=not words)


def _ls(shell: Shell, words: list[str]) -> Output:
    paths = [word for word in words if not word.startswith("-")] or ["/"]
    files, out, err = shell.files(), "", ""
    for path in paths:
        root = path.rstrip("/") + "/"
        names = sorted({f.removeprefix(root).split("/")[0] for f in files if f.startswith(root)})
        if path in files:
            out += f"{path}\n"
        elif names:
            head = f"{path}:\n" if len(paths) > 1 else ""
            out += head + "".join(f"{name}\n" for name in names)
        else:
            err += f"ls: cannot access '{path}': No such file or directory\n"
    return Output(out, err, 2 if err else 0)


def _hostname(shell: Shell, words: list[str]) -> Output:
    meta, status = shell.pod["metadata"], shell.pod.get("status") or {}
    return Output(f"{status.get('podIP', '')}\n" if words == ["-i"] else f"{meta['name']}\n")


def _ps(shell: Shell, words: list[str]) -> Output:
    spec = next(c for c in shell.pod["spec"]["containers"] if c["name"] == shell.container)
    program = [*(spec.get("command") or ()), *(spec.get("args") or ())]
    name = spec["image"].rsplit("/", 1)[-1].split(":")[0]
    line = " ".join(program) or f"/{name}"
    return Output(
        "PID   USER     TIME  COMMAND\n"
        f"    1 root      0:00 {line}\n"
        f"    7 root      0:00 ps {' '.join(words)}".rstrip()
        + "\n"
    )


def _nslookup(shell: Shell, words: list[str]) -> Output:
    host = next((word for word in words if not word.startswith("-")), "")
    found = shell.inside.addresses(shell.pod, host)
    if found is None:
        return Output(";; connection timed out; no servers could be reached\n\n", "", 1)
    head = f"Server:\t\t{_DNS}\nAddress:\t{_DNS}#53\n\n"
    if not found:
        return Output(f"{head}** server can't find {host}: NXDOMAIN\n\n", "", 1)
    full = host
    if "." not in host:
        full = f"{host}.{shell.pod['metadata']['namespace']}.svc.cluster.local"
    return Output(head + "".join(f"Name:\t{full}\nAddress: {ip}\n" for ip in found) + "\n")


def _getent(shell: Shell, words: list[str]) -> Output:
    found = shell.inside.addresses(shell.pod, words[-1]) if words else None
    if not found:
        return Output(code=2)
    return Output("".join(f"{ip:15} {words[-1]}\n" for ip in found))


def _wget(shell: Shell, words: list[str]) -> Output:
    url = next((word for word in reversed(words) if not word.startswith("-")), "")
    host, port, path = _address(url)
    found = shell.inside.addresses(shell.pod, host)
    if not found:
        return Output("", f"wget: bad address '{host}'\n", 1)
    met = shell.inside.reach(shell.pod, found[0], port, path)
    start = f"Connecting to {host}:{port} ({found[0]}:{port})\n"
    if met.problem == "refused":
        return Output("", f"{start}wget: can't connect to remote host: Connection refused\n", 1)
    if met.problem:
        return Output("", f"{start}wget: download timed out\n", 1)
    if met.status >= 400:
        return Output("", f"{start}wget: server returned error: HTTP/1.1 {met.status}\n", 1)
    return Output(met.body, start if "-q" not in words and "-qO-" not in words else "")


def _curl(shell: Shell, words: list[str]) -> Output:
    taking = ("-m", "--max-time", "-o", "-H", "-X", "-w", "--connect-timeout")
    skip, url = False, ""
    for word in words:
        if skip:
            skip = False
        elif word in taking:
            skip = True
        elif not word.startswith("-"):
            url = word
    host, port, path = _address(url)
    found = shell.inside.addresses(shell.pod, host)
    if not found:
        return Output("", f"curl: (6) Could not resolve host: {host}\n", 6)
    met = shell.inside.reach(shell.pod, found[0], port, path)
    if met.problem == "refused":
        text = f"curl: (7) Failed to connect to {host} port {port} after 1 ms: Connection refused\n"
        return Output("", text, 7)
    if met.problem:
        text = "curl: (28) Connection timed out after 5001 milliseconds\n"
        return Output("", text, 28)
    if "-w" in words and "%{http_code}" in words[words.index("-w") + 1]:
        return Output(words[words.index("-w") + 1].replace("%{http_code}", str(met.status)))
    if met.status >= 400 and ("-f" in words or any(w.startswith("-sf") for w in words)):
        text = f"curl: (22) The requested URL returned error: {met.status}\n"
        return Output("", text, 22)
    return Output(met.body)


def _nc(shell: Shell, words: list[str]) -> Output:
    plain = [word for word in words if not word.startswith("-")]
    if len(plain) < 2 or not plain[-1].isdigit():
        return Output("", "nc: missing port number\n", 1)
    host, port = plain[-2], int(plain[-1])
    found = shell.inside.addresses(shell.pod, host)
    if not found:
        return Output("", f"nc: bad address '{host}'\n", 1)
    met = shell.inside.reach(shell.pod, found[0], port, None)
    where = f"{host} ({found[0]}:{port})"
    if met.problem == "refused":
        return Output("", f"nc: {where}: Connection refused\n", 1)
    if met.problem:
        return Output("", f"nc: {where}: Operation timed out\n", 1)
    return Output("", f"{where} open\n")


def _address(url: str) -> tuple[str, int, str]:
    parts = urlsplit(url if "//" in url else f"http://{url}")
    path = parts.path or "/"
    if parts.query:
        path += f"?{parts.query}"
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80), path


_COMMANDS: dict[str, Callable[[Shell, list[str]], Output]] = {
    "cat": _cat,
    "curl": _curl,
    "date": lambda shell, words: Output(shell.now.strftime("%a %b %e %H:%M:%S UTC %Y\n")),
    "echo": lambda shell, words: Output(" ".join(words) + "\n"),
    "env": _env,
    "false": lambda shell, words: Output(code=1),
    "getent": _getent,
    "hostname": _hostname,
    "id": lambda shell, words: Output("uid=0(root) gid=0(root) groups=0(root)\n"),
    "ls": _ls,
    "nc": _nc,
    "nslookup": _nslookup,
    "printenv": _printenv,
    "ps": _ps,
    "pwd": lambda shell, words: Output("/\n"),
    "true": lambda shell, words: Output(),
    "wget": _wget,
    "whoami": lambda shell, words: Output("root\n"),
}
