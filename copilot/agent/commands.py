"""Commands that an answer recommends: do they parse, and could policy ever allow them?

Reading commands may be run by anyone. Of the writing ones only those are let through that change one
named object of the scope in a way that can be taken back.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection

from copilot.model.scope import ObjectRef
from copilot.tools.names import canonical_kind
from copilot.tools.shell.kubectl import Write
from copilot.tools.shell.run import plan
from copilot.tools.shell.words import Refused

PROTECTED = ("kube-system", "kube-public", "kube-node-lease")
_REVERSIBLE = {
    *(
        "create",
        "scale",
        "patch",
        "label",
        "annotate",
        "cordon",
        "uncordon",
        "taint",
        "autoscale",
        "expose",
    ),
    *("delete pod", "rollout restart", "rollout undo", "rollout pause", "rollout resume"),
    *("set image", "set resources", "set env", "set selector", "set serviceaccount"),
}
_READ_ROLLOUT = {"rollout status", "rollout history"}
_DANGEROUS = {
    *("force", "all", "all-namespaces", "now", "cascade", "prune", "overwrite-all"),
    *("grace-period", "delete-emptydir-data", "ignore-daemonsets", "disable-eviction"),
}
_SHELL = re.compile(r"[;`]|&&|\|\||\$\(|>|<\(|(?<!\|)\|\s*(?:sh|bash|xargs|kubectl)\b")
_HELM_READS = {"list", "ls", "status", "history", "get", "diff", "version"}
_HELM_WRITES = {"rollback"}


def problem(
    command: str,
    namespaces: Collection[str] = (),
    objects: Collection[ObjectRef] = (),
    evidence: str = "",
) -> str:
    """Return why a command must not stand in an answer, "" when it may.

    `namespaces` bound where it may write, `objects` what; when empty they are not checked. What `evidence`
    shows to have been made may be unmade, and a revision that it names may be gone back to.
    """
    line = command.strip().removeprefix("$ ").strip()
    if _SHELL.search(line):
        return "it is not one plain command"
    try:
        words = shlex.split(line)
    except ValueError as error:
        return f"it does not parse: {error}"
    if not words:
        return "it is empty"
    if words[0] == "helm":
        verb = words[1] if len(words) > 1 else ""
        allowed = verb in _HELM_READS or verb in _HELM_WRITES
        return "" if allowed else f"helm {verb} is not a change that policy allows"
    if words[0] == "incident-copilot":
        return ""
    if words[0] != "kubectl":
        return f"{words[0]} is not a command that is recommended"
    return _kubectl(line, words, namespaces, objects, evidence)


def _kubectl(
    line: str,
    words: list[str],
    namespaces: Collection[str],
    objects: Collection[ObjectRef],
    evidence: str,
) -> str:
    try:
        if not isinstance(plan(line).command, Write):
            return ""
    except Refused:
        pass  # not one of the agent's own reads; a person's write is judged below
    plain, flags = _read(words[1:])
    verb = " ".join(plain[:2]) if plain and plain[0] in ("rollout", "set") else " ".join(plain[:1])
    rest = plain[len(verb.split()) :]
    if verb in _READ_ROLLOUT:
        return ""
    if verb == "delete" and rest[:1] and canonical_kind(rest[0].partition("/")[0]) == "Pod":
        # Its controller makes it anew: a restart of one pod.
        verb = "delete pod"
    if verb == "delete" and _unmakes(rest, evidence):
        verb = "create"
    if verb not in _REVERSIBLE:
        return f"kubectl {verb} cannot be taken back, or is no change of one object"
    if bad := sorted(_DANGEROUS & flags.keys()):
        return f"--{bad[0]} goes beyond one object"
    if "selector" in flags or "filename" in flags:
        return "it names no single object"
    space = flags.get("namespace", "")
    if space in PROTECTED and not objects:
        return f"the namespace {space} is protected from writes"
    if verb == "create" and re.search(
        r"cluster", " ".join([*rest[:1], flags.get("clusterrole", "")])
    ):
        return "it gives rights on the whole cluster"
    if namespaces and space and space not in namespaces:
        return f"the namespace {space} is outside of the scope"
    if (
        verb == "scale"
        and flags.get("replicas", "").strip() in ("0", "")
        and not _may_go(rest, evidence)
    ):
        return "it takes the workload away: no pod is left"
    if evidence and verb == "scale" and flags.get("replicas") == "1" and not _NONE.search(evidence):
        return "it leaves a single replica, and no evidence says that there was none"
    revision = flags.get("to-revision", "").strip("'\"")
    if (
        evidence
        and revision
        and not re.search(rf"(?<![\w.]){re.escape(revision)}(?![\w.])", _revisions(evidence))
    ):
        return f"no evidence names the revision {revision}"
    patch = flags.get("patch", "")
    if verb == "patch" and re.search(r'"?replicas"?\s*:\s*0\b', patch):
        return "it takes the workload away: no pod is left"
    if patch.lstrip()[:1] in ("{", "[") and not _parses(patch):
        return "its patch does not parse"
    if verb in ("cordon", "uncordon") and rest:
        rest = ["node", rest[0].removeprefix("node/")]
    return _unknown(rest, space, objects, evidence)


def _parses(patch: str) -> bool:
    """Whether a patch is JSON or the flow style of YAML."""
    import yaml

    try:
        yaml.safe_load(patch)
    except yaml.YAMLError:
        return False
    return True


_NONE = re.compile(
    r"->\s*0\b|\b(?:desired|replicas|ready)\s*[=:]\s*0\b|\b0/\d|\b1 (?:replica|->)", re.I
)
_MADE_ANEW = {"NetworkPolicy", "ResourceQuota", "LimitRange", "Job", "PodDisruptionBudget"}
"""Kinds that hold no data and serve no requests: taking away a new one is the inverse of making it."""


def _unmakes(rest: list[str], evidence: str) -> bool:
    """Whether a deletion names one object that evidence shows to have been made."""
    kind, slash, name = rest[0].partition("/") if rest else ("", "", "")
    name = name if slash else rest[1] if len(rest) == 2 else ""
    if not name or canonical_kind(kind) not in _MADE_ANEW:
        return False
    made = re.compile(
        rf"\b(?:creat(?:es?|ed)|add(?:s|ed)?|appl(?:y|ies|ied)|new)\b.{{0,80}}(?<![\w.-]){re.escape(name)}(?![\w.-])",
        re.I,
    )
    return made.search(evidence) is not None


def _revisions(evidence: str) -> str:
    lines = (line for line in evidence.splitlines() if re.search(r"revision|roll|helm", line, re.I))
    return "\n".join(lines)


def _may_go(rest: list[str], evidence: str) -> bool:
    """Whether evidence says that a workload may be scaled to nothing."""
    name = (rest[0].partition("/")[2] or rest[-1]) if rest else ""
    parts = [part for part in re.split(r"[-_.]", name) if len(part) > 3]
    told = re.findall(r"[^.\n]*\bmay be scaled (?:down )?to (?:zero|0)\b[^.\n]*", evidence, re.I)
    return any(part.casefold() in line.casefold() for line in told for part in parts)


def _unknown(
    rest: list[str], space: str, objects: Collection[ObjectRef], evidence: str = ""
) -> str:
    named = [word for word in rest if "=" not in word and not word.endswith("-")]
    if not named:
        return "it names no object"
    kind, slash, name = named[0].partition("/")
    if not slash:
        name = named[1] if len(named) > 1 else ""
    if not name:
        return "it names no object"
    proper = canonical_kind(kind)
    known = {
        ref.name for ref in objects if not space or not ref.namespace or ref.namespace == space
    }
    shown = re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", evidence) is not None
    if objects and name not in known and not shown and proper not in ("Node",):
        return f"{proper} {name} is not in scope"
    return ""


_VALUED = {
    "n": "namespace",
    "p": "patch",
    "f": "filename",
    "l": "selector",
    "c": "container",
    "o": "output",
}
_WITH_VALUE = {
    *_VALUED.values(),
    "replicas",
    "to-revision",
    "type",
    "context",
    "limits",
    "requests",
}
_WITH_VALUE |= {"current-replicas", "timeout", "min", "max", "cpu-percent", "port", "target-port"}


def _read(words: list[str]) -> tuple[list[str], dict[str, str]]:
    plain: list[str] = []
    flags: dict[str, str] = {}
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
        elif word.startswith("-") and len(word) > 1 and not word[1:].isdigit():
            name, equals, value = _VALUED.get(word[1], word[1]), word[2:], word[2:].lstrip("=")
            name = {"A": "all-namespaces"}.get(name, name)
        else:
            plain.append(word)
            continue
        if not equals and name in _WITH_VALUE and queue:
            value = queue.pop(0)
        flags[name] = value
    return plain, flags
