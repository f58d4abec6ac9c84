"""The command a person types where no typed action repairs a cause."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.kube import containers, dig, is_true, name_of, pod_spec, template_labels
from copilot.evidence.repairs import crowding, rights, stalled
from copilot.evidence.repairs.commands import TEXTS
from copilot.evidence.repairs.common import WORKLOADS, Facts, concerned, facts_namespace
from copilot.evidence.repairs.secrets import by_hand
from copilot.model.scope import ObjectRef

_CLIENTS = {
    "postgres": "psql -U postgres -c \"SELECT pid, state, query FROM pg_stat_activity\"",
    "mysql": "mysql -e 'SHOW FULL PROCESSLIST'", "maria": "mariadb -e 'SHOW FULL PROCESSLIST'",
    "mongo": "mongosh --eval 'db.currentOp()'", "redis": "redis-cli INFO", "valkey": "valkey-cli INFO",
}  # fmt: skip
_FREED = {
    "postgres": "psql -U postgres -c \"SELECT pg_terminate_backend(b) FROM pg_stat_activity, unnest(pg_blocking_pids(pid)) b\"",
    "mysql": "sh -c \"mysql -Ne 'SELECT sql_kill_blocking_connection FROM sys.innodb_lock_waits' | mysql\"",
}  # fmt: skip
"""What ends the sessions that others wait for."""


def instead(case: Case, ref: ObjectRef, cause: str, facts: Facts) -> str:
    """Return what a person has to do where more is known than a cause's usual advice; "" where not."""
    lock = stalled.held(ref, facts)
    if lock is not None:
        holder = facts.get("holder") or "nobody who works"
        return f"Release the lock in {lock.kind} {lock.name}, which {holder} holds and {ref.name} waits for"
    return _SAID[cause](case, ref, facts) if cause in _SAID else ""


def _preempted(_case: Case, ref: ObjectRef, facts: Facts) -> str:
    found = [v.partition("/")[2] for v in crowding.victims(ref, facts)]
    if not found:
        return f"Give {ref.kind} {ref.name} a higher priority, or free room for it: a more important pod took its place"
    return f"Scale {ref.kind} {ref.name} down, or give it a lower priority: it took the place of {', '.join(found)}, which must not be touched"


def _contested(case: Case, ref: ObjectRef, facts: Facts) -> str:
    target = crowding.scaled(case, ref, facts)
    who = ", ".join(crowding.writers(case, target)) or "not told by its managed fields"
    return f"Stop whoever else sets the replicas of {target.kind} {target.name} (written by: {who})"


def _evicted(_case: Case, ref: ObjectRef, _facts: Facts) -> str:
    if ref.kind == "Node":
        return ""
    return f"Raise the limit of local storage of {ref.kind} {ref.name}, or let it write less"


_SAID: dict[str, Callable[[Case, ObjectRef, Facts], str]] = {
    "database.wrong_password": lambda case, ref, _facts: by_hand(case, ref)[0],
    "scheduling.preempted": _preempted,
    "autoscaling.contested": _contested,
    "pod.evicted": _evicted,
    "security.rbac_denied": rights.why,
}


def command(case: Case, ref: ObjectRef, cause: str, facts: Facts) -> str:
    """Return the command, with <…> where a person has to choose; "" where there is none for a cause."""
    maker = _MAKERS.get(cause)
    found = stalled.unlock(ref, facts) or (maker(case, ref, facts) if maker else "")
    text = found or TEXTS.get(cause, "")
    if found or not text:
        return found
    users = [f"{w.kind.lower()}/{w.name}" for w in concerned(case, ref, facts)]
    spec = case.snapshot.spec(ref)
    claims = [dig(v, "persistentVolumeClaim.claimName") for v in spec.get("volumes") or []]
    claims = [ref.name] if ref.kind == "PersistentVolumeClaim" else [c for c in claims if c]
    labels = sorted(template_labels(case.snapshot.get(ref) or {}).items())
    names = [str(c.get("name")) for c in containers(spec)]
    words = {
        "where": f"{ref.kind.lower()}/{ref.name}",
        "name": ref.name,
        "ns": facts_namespace(ref, facts),
        "container": str(facts.get("container", "") or next(iter(names), "<container>")),
        "key": str(facts.get("key", "") or "<key>"),
        "missing": str(facts.get("name", "") or "<name>"),
        "resource": str(facts.get("resource", "") or "cpu"),
        "setting": str(facts.get("setting", "")).removeprefix("env ").split(" ")[0] or "<NAME>",
        "user": next(iter(users), "<workload>"),
        "claim": str(next(iter(claims), "<claim>")),
        "selector": ",".join(f"{k}={v}" for k, v in labels) or "<labels of its pods>",
        "taint": str(facts.get("taint", "") or "<key>"),
        "account": str(
            facts.get("account", "") or spec.get("serviceAccountName", "") or "<account>"
        ),
    }
    return text.format(**words).replace(" -n  ", " ").removesuffix(" -n ")


def _config(case: Case, ref: ObjectRef, facts: Facts) -> str:
    """Make a ConfigMap again; a container that runs since before still has its files."""
    name, key = str(facts.get("name", "") or "<name>"), str(facts.get("key", "") or "<key>")
    if case.snapshot.exists("ConfigMap", ref.namespace, name):
        content = json.dumps({"data": {key: "<content>"}})
        return f"kubectl patch configmap {name} -n {ref.namespace} --type=merge -p '{content}'"
    keeper = _keeper(case, ref.namespace, name)
    create = f"kubectl create configmap {name} -n {ref.namespace} --from-file=./{name}"
    if keeper is None:
        return f"kubectl create configmap {name} -n {ref.namespace} --from-file={key}=<file>"
    pod, container, folder = keeper
    return f"kubectl exec {pod} -n {ref.namespace} -c {container} -- tar chf - -C {folder} . | (mkdir {name} && tar xf - -C {name} --exclude='..*') && {create}"


def _keeper(case: Case, namespace: str, name: str) -> tuple[str, str, str] | None:
    """Return a ready pod that mounts a ConfigMap as a whole, its container, and where."""
    for pod in case.snapshot.of("Pod"):
        spec: Json = pod_spec(pod)
        volumes = {
            v.get("name") for v in spec.get("volumes") or [] if dig(v, "configMap.name") == name
        }
        if not volumes or dig(pod, "metadata.namespace") != namespace or not is_true(pod, "Ready"):
            continue
        for container in containers(spec):
            for mount in container.get("volumeMounts") or []:
                if mount.get("name") in volumes and not mount.get("subPath"):
                    return name_of(pod), str(container.get("name")), str(mount.get("mountPath"))
    return None


def _store(case: Case, ref: ObjectRef, _facts: Facts) -> str:
    """Look into a store with its own client."""
    return _inside(case, ref, _CLIENTS)


def _freed(case: Case, ref: ObjectRef, _facts: Facts) -> str:
    return _inside(case, ref, _FREED) or _inside(case, ref, _CLIENTS)


def _inside(case: Case, ref: ObjectRef, clients: Mapping[str, str]) -> str:
    for container in containers(case.snapshot.spec(ref)):
        image = str(container.get("image", ""))
        client = next((text for word, text in clients.items() if word in image), "")
        if client:
            return f"kubectl exec {ref.kind.lower()}/{ref.name} -n {ref.namespace} -c {container.get('name')} -- {client}"
    return ""


def _password(case: Case, ref: ObjectRef, facts: Facts) -> str:
    return by_hand(case, ref)[1] or _store(case, ref, facts)


def _more(case: Case, ref: ObjectRef, facts: Facts) -> str:
    where = f"{ref.kind.lower()}/{ref.name} -n {ref.namespace}"
    if facts.get("stalled"):
        return f"kubectl rollout restart {where}"
    count = dig(case.snapshot.get(ref), "spec.replicas", 1)
    return f"kubectl scale {where} --replicas={2 * int(count or 1)}"


def _fewer(_case: Case, ref: ObjectRef, facts: Facts) -> str:
    if ref.kind == "Pod" and crowding.victims(ref, facts):
        return f"kubectl delete pod {ref.name} -n {ref.namespace}"
    if crowding.victims(ref, facts):
        return f"kubectl scale {ref.kind.lower()}/{ref.name} -n {ref.namespace} --replicas=<fewer>"
    return ""


def _stopped(case: Case, ref: ObjectRef, facts: Facts) -> str:
    """Hold the number where the autoscaler wants it, until the other party is found and stopped."""
    target = crowding.scaled(case, ref, facts)
    where = f"{target.kind.lower()}/{target.name} -n {target.namespace}"
    count = facts.get("replicas") or dig(case.snapshot.get(target), "spec.replicas", 1)
    return (
        f"kubectl get {where} --show-managed-fields -o yaml | grep -B3 -A3 f:replicas  # who writes it: stop that\n"
        f"kubectl scale {where} --replicas={count}"
    )


def _room(_case: Case, ref: ObjectRef, _facts: Facts) -> str:
    if ref.kind == "Node":
        return ""
    where = f"{ref.kind.lower()}/{ref.name} -n {ref.namespace}"
    return f"kubectl set resources {where} --limits=ephemeral-storage=<more>"


def _unknown(_case: Case, ref: ObjectRef, _facts: Facts) -> str:
    if ref.kind not in (*WORKLOADS, "Pod", "Job"):
        return f"kubectl get {ref.kind.lower()} {ref.name} -o yaml" + f" -n {ref.namespace}" * bool(
            ref.namespace
        )
    return f"kubectl logs {ref.kind.lower()}/{ref.name} -n {ref.namespace} --all-containers --since=15m"


_MAKERS: dict[str, Callable[[Case, ObjectRef, Facts], str]] = {
    "config.configmap_missing": _config,
    "database.wrong_password": _password,
    "database.lock_contention": _freed,
    "queue.poison_message": lambda case, ref, _facts: stalled.skip(case, ref),
    "queue.consumer_lag": _more,
    "scheduling.preempted": _fewer,
    "autoscaling.contested": _stopped,
    "security.rbac_denied": rights.bind,
    "security.certificate_expired": rights.renew,
    "pod.evicted": _room,
    "unknown": _unknown,
    **dict.fromkeys(
        ("database.connection_limit", "database.memory_full",
         "database.user_missing", "database.login_revoked",
         "database.tls_mismatch"),
        _store,
    ),
}  # fmt: skip
