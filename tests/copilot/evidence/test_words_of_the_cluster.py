"""What kubelets, registries, schedulers and the API server say, and Services and autoscalers at odds with others."""

from __future__ import annotations

import pytest

from connectors.api.values import Json
from copilot.evidence.telemetry import Flow
from tests.copilot.evidence.reasoned import complain, failing, first, flow, reasoned, shop
from tests.copilot.evidence.worlds import World, ago

PULL = 'Failed to pull image "reg/orders:9": rpc error: code = Unknown desc = '


def waiting(reason: str, message: str = "", *events: tuple[str, str]) -> World:
    """The shop, with the pod of orders waiting to start for five minutes."""
    world = shop()
    pod = world.get("Pod", "orders-abc12-x1")
    pod["metadata"]["creationTimestamp"] = ago(300)
    state = {"waiting": {"reason": reason, "message": message}}
    pod["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": ago(300)}],
        "containerStatuses": [
            {"name": "orders", "ready": False, "restartCount": 0, "state": state}
        ],
    }
    for kind, text in events:
        world.event("Pod", "orders-abc12-x1", kind, text)
    return world


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "reading manifest 9.99 in docker.io/library/nginx: manifest unknown",
            "orders image.not_found",
        ),
        ("no basic auth credentials", "orders image.pull_unauthorized"),
        (
            "toomanyrequests: You have reached your pull rate limit",
            "orders image.registry_unreachable",
        ),
        (
            'Head "https://reg/v2/x": x509: certificate signed by unknown authority',
            "orders image.registry_unreachable",
        ),
        (
            'no image found in manifest list for architecture "arm64"',
            "orders image.wrong_architecture",
        ),
        (
            "failed to extract layer: write /var/lib/x: no space left on device",
            "node-1 storage.disk_full",
        ),
    ],
)
def test_why_an_image_is_not_pulled(text: str, expected: str) -> None:
    world = waiting("ImagePullBackOff", "Back-off pulling image", ("Failed", PULL + text))
    assert first(reasoned(world, failing("web"))) == expected


@pytest.mark.parametrize(
    ("reason", "text", "expected"),
    [
        ("RunContainerError", 'error mounting "cfg" to rootfs at "/etc/x.conf": not a directory: Are you trying to mount a directory onto a file',
         "orders storage.mount_failed"),
        ("CreateContainerError", 'cannot load seccomp profile "x.json": no such file or directory', "orders security.pod_security"),
        ("CreateContainerError", "executable file `serve` not found in $PATH: No such file", "orders workload.bad_command"),
        ("CreateContainerConfigError", "failed to prepare subPath for volumeMount", "orders storage.mount_failed"),
    ],
)  # fmt: skip
def test_why_a_container_is_not_made(reason: str, text: str, expected: str) -> None:
    assert first(reasoned(waiting(reason, text), failing("web"))) == expected


@pytest.mark.parametrize(
    ("reason", "text", "expected"),
    [
        ("FailedMount", 'failed to fetch token: serviceaccounts "bot" not found', "orders security.service_account_missing"),
        ("FailedCreatePodSandBox", "no IP addresses available in range set", "node-1 node.resource_exhausted"),
        ("FailedAttachVolume", "Multi-Attach error for volume pvc-1", "orders storage.mount_failed"),
    ],
)  # fmt: skip
def test_why_a_pod_is_not_created(reason: str, text: str, expected: str) -> None:
    world = waiting("ContainerCreating", "", (reason, text))
    assert first(reasoned(world, failing("web"))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ValidatingAdmissionPolicy 'few' with binding 'b' denied request", "few admission.webhook_failing"),
        ("unable to create new content in namespace shop because it is being terminated", "shop object.stuck_terminating"),
    ],
)  # fmt: skip
def test_why_the_api_server_refuses_a_pod(text: str, expected: str) -> None:
    world = shop()
    world.objects["Pod"] = [
        p for p in world.objects["Pod"] if p["metadata"]["name"] != "orders-abc12-x1"
    ]
    world.event(
        "ReplicaSet",
        "orders-abc12",
        "FailedCreate",
        f'Error creating: pods "x" is forbidden: {text}',
    )
    assert first(reasoned(world, failing("web"))) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("OutOfcpu", "orders resources.request_too_large"), ("NodePorts", "orders config.port_conflict"),
     ("NodeShutdown", "node-1 node.not_ready")],
)  # fmt: skip
def test_a_pod_that_its_kubelet_refuses(reason: str, expected: str) -> None:
    world = shop()
    pod = world.get("Pod", "orders-abc12-x1")
    pod["metadata"]["creationTimestamp"] = ago(120)
    pod["status"] = {"phase": "Failed", "reason": reason, "message": "Pod was rejected"}
    assert first(reasoned(world, failing("web"))) == expected


def test_a_pod_that_outgrew_its_own_limit_is_told_though_its_successor_is_well() -> None:
    world = shop()
    owner = {"kind": "ReplicaSet", "name": "orders-abc12", "controller": True}
    status = {"phase": "Failed", "reason": "Evicted", "startTime": ago(200),
              "message": 'Usage of EmptyDir volume "spool" exceeds the limit "5Mi".'}  # fmt: skip
    world.add("Pod", "orders-abc12-x0", status=status, metadata={"ownerReferences": [owner]})
    assert first(reasoned(world, failing())) == "orders pod.evicted"
    status["message"] = "The node was low on resource: memory."
    assert first(reasoned(world, failing())) == "healthy"


def autoscaled(*events: tuple[str, str, str, int]) -> World:
    world = shop()
    target = {"kind": "Deployment", "name": "web"}
    world.add("HorizontalPodAutoscaler", "web", status={"conditions": []},
              spec={"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 6})  # fmt: skip
    for kind, reason, text, count in events:
        world.event(kind, "web", reason, text, type="Normal", count=count)
    return world


UP = ("Deployment", "ScalingReplicaSet", "Scaled up replica set web-abc12 from 2 to 4")
DOWN = ("Deployment", "ScalingReplicaSet", "Scaled down replica set web-abc12 from 4 to 2")
SCALER = "HorizontalPodAutoscaler"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([(SCALER, "SuccessfulRescale", "New size: 3; reason: Current number of replicas below Spec.MinReplicas", 6)],
         "web autoscaling.contested"),
        ([(SCALER, "SuccessfulRescale", "New size: 4; reason: cpu above target", 3), (*UP, 3), (*DOWN, 3)],
         "web autoscaling.contested"),
        ([(SCALER, "SuccessfulRescale", "New size: 4; reason: cpu above target", 2),
          (SCALER, "SuccessfulRescale", "New size: 2; reason: All metrics below target", 2), (*UP, 2), (*DOWN, 2)],
         "healthy"),
        ([(*UP, 1), (*DOWN, 1)], "healthy"),
    ],
)  # fmt: skip
def test_two_who_scale_the_same(events: list[tuple[str, str, str, int]], expected: str) -> None:
    assert first(reasoned(autoscaled(*events), failing())) == expected


def second_program(name: str, image: str, command: list[str] | None = None) -> World:
    """The shop, and another workload whose pods bear the labels of orders, since five minutes ago."""
    world = shop()
    world.service(name, 9999, image=image)
    world.objects["Service"] = [
        s for s in world.objects["Service"] if s["metadata"]["name"] != name
    ]
    pod, owner = world.get("Pod", f"{name}-abc12-x1"), world.deployment(name)
    pod["metadata"]["labels"] = {"app": "orders"}
    owner["spec"]["template"]["metadata"]["labels"] = {"app": "orders"}
    for obj in (pod, owner):
        obj["metadata"]["creationTimestamp"] = ago(300)
        if command:
            spec: Json = obj["spec"].get("template", obj)["spec"]
            spec["containers"][0]["command"] = command
    return world


@pytest.mark.parametrize(
    ("name", "image", "expected"),
    [
        ("reports", "reg/reports:1", "orders service.selects_wrong_pods"),
        ("orders-canary", "reg/other:1", "healthy"),
        ("orders-v2", "reg/orders-next:2", "healthy"),
        ("checkout", "reg/orders:2", "healthy"),
    ],
)
def test_another_program_behind_a_service(name: str, image: str, expected: str) -> None:
    sick = failing("web", "orders") if expected != "healthy" else failing()
    assert first(reasoned(second_program(name, image), sick)) == expected


def test_one_image_with_another_command_is_another_program() -> None:
    world = second_program("reports", "reg/orders:1", ["reports"])
    assert first(reasoned(world, failing("web", "orders"))) == "orders service.selects_wrong_pods"


def test_a_service_that_leads_to_another_program_altogether() -> None:
    world = shop()
    world.get("Service", "orders")["spec"]["selector"] = {"app": "users"}
    assert first(reasoned(world, failing("web", "orders"))) == "orders service.selects_wrong_pods"


def test_a_port_that_was_taken_from_callers_that_are_as_they_were() -> None:
    world = shop()
    world.get("Service", "orders")["spec"]["ports"][0]["port"] = 9090
    complain(world, "web", 'Get "http://orders:8080/": dial tcp 10.0.0.2:8080: i/o timeout')
    flows = [
        flow("web", errors=(0.9, 0)),
        flow("orders", "web", errors=(1, 0)),
        flow("orders", rate=(0, 5)),
    ]
    assert first(reasoned(world, flows)) == "orders service.port_mismatch"


def test_an_ingress_that_leads_past_its_program() -> None:
    world = shop()
    backend = {"service": {"name": "users", "port": {"number": 8080}}}
    edit = {"manager": "kubectl", "time": ago(300), "fieldsV1": {"f:spec": {}}}
    world.add("Ingress", "entry", spec={"rules": [{"http": {"paths": [{"path": "/", "backend": backend}]}}]},
              metadata={"managedFields": [edit]})  # fmt: skip
    flows = [flow("web", rate=(0, 5)), flow("orders", rate=(0.02, 5)), flow("users", rate=(3, 3))]
    assert first(reasoned(world, flows)) == "entry network.ingress_misroute"


SLOW = (0.48, 0.03)


@pytest.mark.parametrize(
    ("flows", "expected"),
    [
        ([flow("web", latency=(0.5, 0.05)), flow("orders", latency=(0.02, 0.02)), flow("orders", "web", latency=SLOW)],
         "orders network.delay"),
        ([flow("web", latency=(0.5, 0.05)), flow("orders", latency=(0.45, 0.02)), flow("orders", "web", latency=SLOW),
          flow("orders-db", "orders", latency=(0.4, 0.005))], "orders-db dependency.slow"),
        ([flow("web", latency=(0.5, 0.05)), flow("orders", latency=(0.45, 0.02)), flow("orders", "web", latency=SLOW),
          flow("orders-db", "orders", latency=(0.005, 0.005))], "orders application.slow"),
        ([flow("web", rate=(50, 5), latency=(0.5, 0.05)), flow("orders", rate=(50, 5), latency=(0.45, 0.02)),
          flow("orders", "web", rate=(50, 5), latency=SLOW)], "web traffic.surge"),
        ([flow("web", errors=(1, 0)), flow("orders", "web", errors=(1, 0), latency=(10, 0.01)), flow("orders", rate=(0, 5))],
         "orders node.resource_exhausted"),
    ],
)  # fmt: skip
def test_where_time_is_lost(flows: list[Flow], expected: str) -> None:
    assert first(reasoned(shop(), flows)) == expected
