"""Pods and Jobs that fail in the usual ways, and the commands that look at them.

The kubectl agreement benchmark runs these after its everyday commands: what a kubelet, a scheduler
and a controller say of a failure is what a diagnosis reads.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.api.values import Json
from eval.environments.emulator.seams import Run

_IMAGE = "local/python:3.11"
_IDLE = "import time; time.sleep(100000)"
_HEADER = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\nspec:\n"


def _container(name: str = "main", program: str = _IDLE, more: str = "", image: str = "") -> str:
    policy = "" if image else "imagePullPolicy: IfNotPresent, "
    return (
        f'{{name: {name}, image: "{image or _IMAGE}", {policy}'
        f'command: [python3, -u, -c, "{program}"]{more}}}'
    )


def _pod(name: str, *containers: str, spec: str = "") -> str:
    lines = ["  terminationGracePeriodSeconds: 1", *(f"  {line}" for line in spec.splitlines())]
    lines += ["  containers:", *(f"  - {item}" for item in containers or (_container(),))]
    return _HEADER.format(name=name) + "\n".join(lines)


def _http(path: str, port: str) -> str:
    return f"{{httpGet: {{path: {path}, port: {port}}}, periodSeconds: 3}}"


def _exec(program: str) -> str:
    return f'{{exec: {{command: [python3, -c, "{program}"]}}, periodSeconds: 3}}'


_SELECTS = "labelSelector: {matchLabels: {app: none}}, topologyKey: kubernetes.io/hostname"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_OWN = "labelSelector: {matchLabels: {app: apart}}, topologyKey: kubernetes.io/hostname"
_SPREAD = (
    "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule,"
    " labelSelector: {matchLabels: {app: spread}}}]"
)
_PODS = {
    "big": _pod("big", _container(more=', resources: {requests: {cpu: "100", memory: 500Gi}}')),
    "claims": _pod("claims", spec="volumes: [{name: d, persistentVolumeClaim: {claimName: nope}}]"),
    "unbound": _pod(
        "unbound", spec="volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]"
    ),
    "near": _pod("near", spec=f"affinity: {{podAffinity: {{{_REQUIRED}: [{{{_SELECTS}}}]}}}}"),
    "apart": _pod("apart", spec=f"affinity: {{podAntiAffinity: {{{_REQUIRED}: [{{{_OWN}}}]}}}}"),
    "spread": _pod("spread", spec=_SPREAD),
    "ports": _pod("ports", _container(more=", ports: [{containerPort: 80, hostPort: 18181}]")),
    "badimage": _pod("badimage", _container(image="shop/none:9")),
    "never": _pod("never", _container(image="shop/none:9", more=", imagePullPolicy: Never")),
    "badname": _pod("badname", _container(image="Shop/none:9")),
    "nomap": _pod("nomap", _container(more=", envFrom: [{configMapRef: {name: nope}}]")),
    "nokey": _pod(
        "nokey",
        _container(
            more=", env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: nope}}}]"
        ),
    ),
    "nosecret": _pod(
        "nosecret",
        _container(more=", env: [{name: A, valueFrom: {secretKeyRef: {name: nope, key: nope}}}]"),
    ),
    "novolume": _pod(
        "novolume",
        _container(more=", volumeMounts: [{name: c, mountPath: /c}]"),
        spec="volumes: [{name: c, configMap: {name: nope}}]",
    ),
    "nofile": _pod(
        "nofile",
        _container(more=", volumeMounts: [{name: c, mountPath: /c}]"),
        spec="volumes: [{name: c, configMap: {name: settings, items: [{key: zip, path: zip}]}}]",
    ),
    "noprogram": _pod(
        "noprogram",
        f'{{name: main, image: "{_IMAGE}", imagePullPolicy: IfNotPresent, command: [/no/such]}}',
    ),
    "live": _pod("live", _container(more=f", livenessProbe: {_http('/', '8081')}")),
    "unready": _pod(
        "unready",
        _container(more=", readinessProbe: {tcpSocket: {port: 9090}, periodSeconds: 3}"),
    ),
    "says": _pod(
        "says",
        _container(more=f", readinessProbe: {_exec('import sys; print(40 + 2); sys.exit(2)')}"),
    ),
    "mute": _pod("mute", _container(more=f", readinessProbe: {_exec('import sys; sys.exit(2)')}")),
    "slow": _pod("slow", _container(more=f", startupProbe: {_exec('import sys; sys.exit(5)')}")),
    "noport": _pod("noport", _container(more=f", readinessProbe: {_http('/', 'web')}")),
    "noprobe": _pod(
        "noprobe",
        _container(more=", readinessProbe: {exec: {command: [no-such-probe]}, periodSeconds: 3}"),
    ),
    "lost": _pod(
        "lost",
        _container(
            program="import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=8080)",
            more=f", readinessProbe: {_http('/nope', '8080')}",
        ),
    ),
    "setup": _pod(
        "setup",
        spec="initContainers:\n- "
        + _container("first", "import sys; print(7); sys.exit(7)")
        + "\n- "
        + _container("second"),
    ),
    "hooks": _pod(
        "hooks",
        _container(
            more=", lifecycle: {postStart: {exec: {command: [python3, -c,"
            ' "import sys; print(44); sys.exit(4)"]}}}'
        ),
    ),
    "oom": _pod(
        "oom",
        _container(
            program="x = bytearray(300000000)", more=", resources: {limits: {memory: 40Mi}}"
        ),
    ),
    "late": _pod("late", spec="activeDeadlineSeconds: 5"),
    "root": _pod(
        "root",
        _container(more=", securityContext: {runAsNonRoot: true}"),
    ),
}
_JOB = """apiVersion: batch/v1
kind: Job
metadata: {{name: {name}}}
spec:
  {limit}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers: [{container}]"""
_WORKLOADS = (
    _JOB.format(
        name="failing",
        limit="backoffLimit: 1",
        container=_container(program="import sys; sys.exit(9)"),
    ),
    _JOB.format(name="overdue", limit="activeDeadlineSeconds: 5", container=_container()),
    f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: orphan}}
spec:
  progressDeadlineSeconds: 20
  selector: {{matchLabels: {{app: orphan}}}}
  template:
    metadata: {{labels: {{app: orphan}}}}
    spec:
      serviceAccountName: nobody
      containers: [{_container()}]""",
)
_AFTER = (
    # these need the others to be there already
    _pod("portstoo", _container(more=", ports: [{containerPort: 80, hostPort: 18181}]")),
    _pod("aparttoo", spec=f"affinity: {{podAntiAffinity: {{{_REQUIRED}: [{{{_OWN}}}]}}}}"),
)
TROUBLES = "\n---\n".join([*_PODS.values(), *_WORKLOADS])
MORE_TROUBLES = "\n---\n".join(_AFTER)

_EVENTS = (
    "get events --field-selector involvedObject.name={name}"
    " -o custom-columns=T:.type,R:.reason,F:.involvedObject.fieldPath,S:.source.component,M:.message"
    " | once"
)
_STATUS = (
    "get pod {name} -o 'jsonpath={{.status.phase}} {{.status.reason}} {{.status.message}}"
    '{{range .status.conditions[*]}}{{"\\n"}}{{.type}} {{.status}} {{.reason}} {{.message}}{{end}}'
    '{{range .status.containerStatuses[*]}}{{"\\n"}}{{.name}} {{.ready}} {{.started}}'
    " {{.state.waiting}} {{.lastState.terminated.exitCode}} {{.lastState.terminated.reason}}{{end}}'"
)
_NAMES = (*_PODS, "portstoo", "aparttoo")
# what these show depends on the second in which one looks
_RESTARTING = ("noprogram", "live", "slow", "setup", "hooks", "oom")

TROUBLE_COMMANDS = "\n".join(
    [
        "apply -f - | <troubles",
        "~wait pod/ports --for=condition=Ready --timeout=90s",
        "~wait pod/apart --for=condition=Ready --timeout=90s",
        "apply -f - | <more-troubles",
        "~wait job/failing --for=condition=Failed --timeout=90s",
        "~wait job/overdue --for=condition=Failed --timeout=90s",
        *(
            f"~wait pod/{name} --timeout=120s"
            " --for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff"
            for name in ("noprogram", "live", "oom", "hooks")
        ),
        "~wait pod/badimage --timeout=120s"
        " --for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff",
        "~wait pod/setup --timeout=120s"
        " --for=jsonpath={.status.initContainerStatuses[0].state.waiting.reason}=CrashLoopBackOff",
        *(_EVENTS.format(name=name) for name in (*_NAMES, "failing", "overdue", "orphan")),
        "get events --field-selector involvedObject.kind=ReplicaSet,reason=FailedCreate"
        " -o custom-columns=T:.type,R:.reason,S:.source.component,M:.message | once",
        *(_STATUS.format(name=name) for name in _NAMES),
        *(f"describe pod {name}" for name in _NAMES if name not in _RESTARTING),
        "describe job failing",
        "describe job overdue",
        "describe deploy orphan",
        "get job failing -o yaml",
        "get deploy orphan -o yaml",
        "rollout status deploy/orphan --timeout=30s",
        "logs badimage",
        "logs setup",
        "logs setup -c first",
    ]
)


def behaviour(pod: Json, container: Json, words: str) -> Run | None:
    """Return what a program of these manifests does; None: it is not one of them."""
    if (container.get("securityContext") or {}).get("runAsNonRoot"):
        meta = pod["metadata"]
        where = f'"{meta["name"]}_{meta["namespace"]}({meta["uid"]})"'
        text = f"container has runAsNonRoot and image will run as root (pod: {where}, container: "
        return Run(start_error="config", detail=f"{text}{container['name']})")
    if "/no/such" in words:
        return Run(start_error="not_found")
    if "bytearray" in words:
        return Run(exits_after=0.3, exit_code=137, oom=True)
    if "h.test(" in words:
        return Run(listens=(8080,), ready_after=0.2)
    if "sys.exit(7)" in words:
        return Run(exits_after=0.2, exit_code=7, lines=((0.1, "7"),))
    if "sys.exit(9)" in words:
        return Run(exits_after=0.2, exit_code=9)
    return None


def answer(command: Sequence[str]) -> tuple[int, str] | None:
    """Return what a probe's or a hook's command gives; None: it is not one of these manifests."""
    words = " ".join(command)
    for code, said in ((2, ""), (4, "44\n"), (5, "")):
        if f"sys.exit({code})" in words:
            return code, "42\n" if "40 + 2" in words else said
    return (127, "") if "no-such-probe" in words else None
