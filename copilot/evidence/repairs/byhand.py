"""The command a person types where no typed action repairs a cause."""

from __future__ import annotations

from collections.abc import Callable

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.kube import containers, dig, is_true, name_of, pod_spec
from copilot.evidence.repairs.common import Facts
from copilot.evidence.repairs.secrets import by_hand
from copilot.model.scope import ObjectRef

_CLIENTS = {
    "postgres": "psql -U postgres -c \"SELECT pid, state, query FROM pg_stat_activity\"",
    "mysql": "mysql -e 'SHOW FULL PROCESSLIST'", "maria": "mariadb -e 'SHOW FULL PROCESSLIST'",
    "mongo": "mongosh --eval 'db.currentOp()'", "redis": "redis-cli INFO", "valkey": "valkey-cli INFO",
}  # fmt: skip
_TEXTS: dict[str, str] = {
    "config.secret_missing": "kubectl create secret generic {missing} -n {ns} --from-literal={key}=<value>",
    "workload.missing": "kubectl apply -n {ns} -f <the manifest of {name}>",
    "image.pull_unauthorized": "kubectl create secret docker-registry <name> -n {ns} --docker-server=<registry>"
    " --docker-username=<user> --docker-password=<password>",
    "image.not_found": "kubectl set image {where} {container}=<image> -n {ns}",
    "image.registry_unreachable": "kubectl set image {where} {container}=<image of a mirror> -n {ns}",
    "image.wrong_architecture": "kubectl set image {where} {container}=<image for the nodes> -n {ns}",
    "image.incompatible_version": "kubectl set image {where} {container}=<image of the version before> -n {ns}",
    "config.env_wrong": "kubectl set env {where} -n {ns} {setting}=<value>",
    "dependency.wrong_address": "kubectl set env {where} -n {ns} {setting}=<host:port>",
    "config.value_wrong": "kubectl edit {where} -n {ns}",
    "object.stuck_terminating": "kubectl patch {where} -n {ns} --type=json"
    " -p '[{{\"op\":\"remove\",\"path\":\"/metadata/finalizers\"}}]'",
    "node.not_ready": "kubectl drain {name} --ignore-daemonsets --delete-emptydir-data",
    "node.pressure": "kubectl describe node {name}",
    "pod.evicted": "kubectl describe node {name}",
    "security.certificate_expired": "kubectl create secret tls {name} -n {ns} --cert=<file> --key=<file>"
    " --dry-run=client -o yaml | kubectl replace -f -",
    "security.rbac_denied": "kubectl create role <name> -n {ns} --verb=<verb> --resource=<resource> && kubectl create"
    " rolebinding <name> -n {ns} --role=<name> --serviceaccount={ns}:{name}",
    "resources.request_too_large": "kubectl set resources {where} -n {ns} --requests={resource}=<less>",
    "resources.memory_limit_too_low": "kubectl set resources {where} -n {ns} --limits=memory=<more>",
    "resources.cpu_throttling": "kubectl set resources {where} -n {ns} --limits=cpu=<more>",
    "resources.limit_range": "kubectl edit {where} -n {ns}",
    "scheduling.preempted": "kubectl patch {where} -n {ns} --type=merge"
    " -p '{{\"spec\":{{\"template\":{{\"spec\":{{\"priorityClassName\":\"<class>\"}}}}}}}}'",
    "storage.claim_unbound": "kubectl describe pvc {name} -n {ns} && kubectl get pv",
    "storage.claim_missing": "kubectl get pvc -n {ns} && kubectl apply -n {ns} -f <the claim's manifest>",
    "storage.disk_full": "kubectl get pvc -n {ns} && kubectl patch pvc <claim> -n {ns}"
    " -p '{{\"spec\":{{\"resources\":{{\"requests\":{{\"storage\":\"<more>\"}}}}}}}}'",
    "storage.volume_affinity": "kubectl get pv -o wide && kubectl get nodes --show-labels",
    "job.failing": "kubectl logs {where} -n {ns} --all-containers",
    "init.failing": "kubectl logs {where} -n {ns} -c {container} --previous",
    "init.stuck": "kubectl logs {where} -n {ns} -c {container}",
    "workload.crash_on_start": "kubectl logs {where} -n {ns} --previous",
    "application.errors": "kubectl logs {where} -n {ns} --since=15m",
    "network.dns": "kubectl rollout restart deployment/coredns -n kube-system",
    "network.ingress_misroute": "kubectl edit ingress {name} -n {ns}",
    "dependency.pool_exhausted": "kubectl set env {where} -n {ns} <pool size>=<more>",
    "dependency.retry_storm": "kubectl set env {where} -n {ns} <retries>=<fewer>",
}  # fmt: skip


def instead(case: Case, ref: ObjectRef, cause: str) -> str:
    """Return what a person has to do where more is known than a cause's usual advice; "" where not."""
    return by_hand(case, ref)[0] if cause == "database.wrong_password" else ""


def command(case: Case, ref: ObjectRef, cause: str, facts: Facts) -> str:
    """Return the command, with <…> where a person has to choose; "" where there is none for a cause."""
    maker = _MAKERS.get(cause)
    found = maker(case, ref, facts) if maker else ""
    text = found or _TEXTS.get(cause, "")
    if found or not text:
        return found
    names = [str(c.get("name")) for c in containers(case.snapshot.spec(ref))]
    words = {
        "where": f"{ref.kind.lower()}/{ref.name}",
        "name": ref.name,
        "ns": ref.namespace,
        "container": str(facts.get("container", "") or next(iter(names), "<container>")),
        "key": str(facts.get("key", "") or "<key>"),
        "missing": str(facts.get("name", "") or "<name>"),
        "resource": str(facts.get("resource", "") or "cpu"),
        "setting": str(facts.get("setting", "")).removeprefix("env ").split(" ")[0] or "<NAME>",
    }
    return text.format(**words).replace(" -n  ", " ").removesuffix(" -n ")


def _config(case: Case, ref: ObjectRef, facts: Facts) -> str:
    """Make a ConfigMap again; a container that runs since before still has its files."""
    name, key = str(facts.get("name", "") or "<name>"), str(facts.get("key", "") or "<key>")
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
    for container in containers(case.snapshot.spec(ref)):
        image = str(container.get("image", ""))
        client = next((text for word, text in _CLIENTS.items() if word in image), "")
        if client:
            return f"kubectl exec {ref.kind.lower()}/{ref.name} -n {ref.namespace} -c {container.get('name')} -- {client}"
    return ""


def _password(case: Case, ref: ObjectRef, facts: Facts) -> str:
    return by_hand(case, ref)[1] or _store(case, ref, facts)


_MAKERS: dict[str, Callable[[Case, ObjectRef, Facts], str]] = {
    "config.configmap_missing": _config,
    "database.wrong_password": _password,
    **dict.fromkeys(
        ("database.lock_contention", "database.connection_limit", "database.memory_full",
         "database.user_missing", "database.login_revoked",
         "database.tls_mismatch"),
        _store,
    ),
}  # fmt: skip
