"""Nodes, claims, admission, certificates: what the shared lab cannot be broken with."""

from __future__ import annotations

import pytest

from copilot.model.diagnosis import Verdict
from tests.copilot.evidence.test_reasoning import look, top
from tests.copilot.evidence.worlds import World, ago, three_services


def unschedulable(world: World, name: str, message: str) -> None:
    pod = world.get("Pod", f"{name}-abc12-x1")
    del pod["spec"]["nodeName"]
    pod["metadata"]["creationTimestamp"] = ago(60)
    pod["status"] = {
        "phase": "Pending",
        "conditions": [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": message,
            }
        ],
    }
    world.event("Pod", f"{name}-abc12-x1", "FailedScheduling", message)


@pytest.mark.parametrize(
    "message",
    [
        "0/1 nodes are available: 1 node(s) had taint {team: batch}, that the pod didn't tolerate.",
        "0/1 nodes are available: 1 node(s) had untolerated taint {team: batch}. preemption: "
        "0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    ],
)
async def test_a_tainted_node(message: str) -> None:
    world = three_services()
    taint = {"key": "team", "value": "batch", "effect": "NoSchedule"}
    world.get("Node", "node-1")["spec"] = {"taints": [taint]}
    unschedulable(world, "store", message)
    diagnosis = await look(world)
    assert top(diagnosis) == ("Node/node-1", "scheduling.taint")
    assert "store" in {ref.name for ref in diagnosis.root_causes[0].also}


async def test_a_cordoned_node() -> None:
    world = three_services()
    world.get("Node", "node-1")["spec"] = {
        "unschedulable": True,
        "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}],
    }
    unschedulable(world, "store", "0/1 nodes are available: 1 node(s) were unschedulable.")
    assert top(await look(world)) == ("Node/node-1", "scheduling.cordoned")


async def test_a_node_that_is_gone() -> None:
    world = three_services()
    world.get("Node", "node-1")["status"]["conditions"] = [
        {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
         "message": "Kubelet stopped posting node status.", "lastTransitionTime": ago(120)}
    ]  # fmt: skip
    assert top(await look(world)) == ("Node/node-1", "node.not_ready")


async def test_a_claim_that_nobody_can_provide() -> None:
    world = three_services()
    world.add(
        "PersistentVolumeClaim",
        "data",
        spec={"storageClassName": "fast"},
        status={"phase": "Pending"},
    )
    world.event("PersistentVolumeClaim", "data", "ProvisioningFailed",
                'storageclass.storage.k8s.io "fast" not found')  # fmt: skip
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    world.get("Pod", "store-abc12-x1")["spec"]["volumes"] = volumes
    world.deployment("store")["spec"]["template"]["spec"]["volumes"] = volumes
    unschedulable(
        world,
        "store",
        "0/1 nodes are available: 1 pod has unbound immediate PersistentVolumeClaims.",
    )
    assert top(await look(world)) == ("PersistentVolumeClaim/data", "storage.class_missing")


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            ("Deployment/store", "security.pod_security"),
        ),
        (
            'Internal error occurred: failed calling webhook "check.example.com": Post "https://x": refused',
            ("ValidatingWebhookConfiguration/check.example.com", "admission.webhook_failing"),
        ),
        (
            'pods "x-" is forbidden: no PriorityClass with name critical was found',
            ("Deployment/store", "scheduling.priority_class_missing"),
        ),
    ],
)
async def test_pods_that_are_not_admitted(message: str, found: tuple[str, str]) -> None:
    world = three_services()
    world.objects["Pod"] = [p for p in world.objects["Pod"] if "store" not in p["metadata"]["name"]]
    world.event("ReplicaSet", "store-abc12", "FailedCreate", f"Error creating: {message}")
    assert top(await look(world)) == found


async def test_a_policy_that_was_always_there_and_allows_what_is_needed() -> None:
    world = three_services()
    deny = {"podSelector": {}, "policyTypes": ["Ingress"]}
    world.add("NetworkPolicy", "deny", spec=deny)
    for name, caller in (("api", "web"), ("store", "api")):
        peer = {"podSelector": {"matchLabels": {"app": caller}}}
        rule = {"podSelector": {"matchLabels": {"app": name}}, "ingress": [{"from": [peer]}]}
        world.add("NetworkPolicy", f"to-{name}", spec=rule)
    world.add(
        "NetworkPolicy",
        "to-web",
        spec={"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}]},
    )
    assert (await look(world)).verdict is Verdict.HEALTHY
    world.get("NetworkPolicy", "to-store")["spec"]["ingress"][0]["from"][0]["podSelector"] = {
        "matchLabels": {"app": "apu"}
    }
    world.get("NetworkPolicy", "to-store")["metadata"]["creationTimestamp"] = ago(120)
    assert top(await look(world))[1] == "network.policy_blocks"


@pytest.mark.parametrize(
    ("code", "line", "cause"),
    [
        (1, "KeyError: 'DATABASE_URL'", "config.env_wrong"),
        (1, "listen tcp :8080: bind: address already in use", "config.port_conflict"),
        (1, "write /data/wal: no space left on device", "storage.disk_full"),
        (127, "sh: serve: command not found", "workload.bad_command"),
        (2, "python3: can't open file 'main.py': [Errno 2] No such file", "workload.bad_command"),
        (1, "panic: runtime error: index out of range", "workload.crash_on_start"),
        (139, "starting", "workload.crash_on_start"),
    ],
)
async def test_last_words(code: int, line: str, cause: str) -> None:
    world = three_services()
    world.crash("store", code)
    world.log("store", (61, "boot"), (60, line), previous=True)
    assert top(await look(world)) == ("Deployment/store", cause)


@pytest.mark.parametrize(
    ("lived", "cause"), [(3, "resources.memory_limit_too_low"), (1500, "resources.memory_leak")]
)
async def test_out_of_memory_at_once_or_slowly(lived: float, cause: str) -> None:
    world = three_services()
    world.crash("store", 137, reason="OOMKilled", lived=lived)
    assert top(await look(world)) == ("Deployment/store", cause)


async def test_a_refused_pull() -> None:
    world = three_services()
    pod = world.get("Pod", "store-abc12-x1")
    pod["status"]["conditions"][0] |= {"status": "False"}
    pod["status"]["containerStatuses"][0] |= {
        "ready": False,
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}},
    }
    world.event("Pod", "store-abc12-x1", "Failed", 'Failed to pull image "r/x:1": rpc error: code = Unknown '
                "desc = failed to authorize: failed to fetch anonymous token: 401 Unauthorized")  # fmt: skip
    assert top(await look(world)) == ("Deployment/store", "image.pull_unauthorized")


@pytest.mark.parametrize("seconds", [60, 15])
async def test_a_startup_probe_that_asks_elsewhere(seconds: float) -> None:
    """Until it passes no other probe is asked; a slow start within its patience is none."""
    world = three_services()
    pod = world.get("Pod", "store-abc12-x1")
    probe = {"httpGet": {"path": "/livez", "port": 8181}, "periodSeconds": 5, "failureThreshold": 6}
    for spec in (pod["spec"], world.deployment("store")["spec"]["template"]["spec"]):
        spec["containers"][0]["startupProbe"] = probe
    pod["metadata"]["creationTimestamp"] = ago(seconds)
    pod["status"]["conditions"][0] |= {"status": "False", "lastTransitionTime": ago(seconds)}
    pod["status"]["containerStatuses"][0] |= {
        "ready": False,
        "started": False,
        "state": {"running": {"startedAt": ago(seconds)}},
    }
    world.log("store", (seconds, "listening on :9000"))
    diagnosis = await look(world)
    if seconds > 30:
        assert top(diagnosis) == ("Deployment/store", "probe.startup_misconfigured")
    else:
        assert not any(c.cause.startswith("probe.") for c in diagnosis.root_causes)
