"""Clients meet the emulator in both versions: they find what it serves, and fall back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.api.values import Json
from connectors.kubernetes.reader import KubernetesReader, open_reader
from connectors.kubernetes.settings import KubernetesSettings
from eval.environments.emulator.cluster.api.legacy_words import in_1_20
from eval.environments.emulator.cluster.cluster import EmulatedCluster
from tests.eval.environments.emulator.cluster.cluster_fakes import (
    START,
    FakePrograms,
    container,
    deployment,
    plain,
    pod,
    service,
)
from tests.eval.environments.emulator.cluster.conftest import Lab

_BACKEND = {"service": {"name": "web", "port": {"number": 80}}}
_JOB = {"spec": {"template": {"spec": {"containers": [container()], "restartPolicy": "OnFailure"}}}}
_SCALED: Json = {
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
    "maxReplicas": 3,
}
OBJECTS = (
    deployment("web"),
    service("web"),
    plain("CronJob", "tick", api="batch/v1", spec={"schedule": "0 3 * * *", "jobTemplate": _JOB}),
    plain("PodDisruptionBudget", "web", api="policy/v1", spec={"minAvailable": 1}),
    plain("HorizontalPodAutoscaler", "web", api="autoscaling/v2", spec=_SCALED),
    plain("Ingress", "web", api="networking.k8s.io/v1", spec={"defaultBackend": _BACKEND}),
)
SERVED = {
    "1.20": {
        "CronJob": "batch/v1beta1",
        "PodDisruptionBudget": "policy/v1beta1",
        "EndpointSlice": "discovery.k8s.io/v1beta1",
        "HorizontalPodAutoscaler": "autoscaling/v1",
        "Ingress": "networking.k8s.io/v1",
        "Deployment": "apps/v1",
    },
    "1.33": {
        "CronJob": "batch/v1",
        "PodDisruptionBudget": "policy/v1",
        "EndpointSlice": "discovery.k8s.io/v1",
        "HorizontalPodAutoscaler": "autoscaling/v2",
        "Ingress": "networking.k8s.io/v1",
        "Deployment": "apps/v1",
    },
}


@pytest.fixture(params=["1.20", "1.33"])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, Lab]]:
    programs = FakePrograms()
    made = EmulatedCluster(programs, start=START, version=request.param)
    made.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    for body in OBJECTS:
        made.create(body)
    made.advance(20)
    await made.serve()
    yield request.param, Lab(made, programs)
    await made.close()


@pytest.fixture
async def reader(cluster: tuple[str, Lab], tmp_path: Path) -> AsyncIterator[KubernetesReader]:
    path = cluster[1].cluster.kubeconfig(tmp_path / "admin", namespace="shop")
    opened = await open_reader(KubernetesSettings(kubeconfig=path))
    yield opened
    await opened.close()


async def test_our_reader_falls_back_to_what_is_served(
    cluster: tuple[str, Lab], reader: KubernetesReader
) -> None:
    version, _ = cluster
    for kind, wanted in SERVED[version].items():
        found = await reader.resource(kind)
        assert found.api_version == wanted
        names = [item["metadata"]["name"] for item in await reader.list(kind, "shop")]
        assert len(names) == 1, (kind, names)
        assert (await reader.get(kind, "shop", names[0]))["apiVersion"] == wanted


async def test_the_official_client_reads_the_versions_that_are_served(
    cluster: tuple[str, Lab], tmp_path: Path
) -> None:
    from kubernetes.aio import client, config, dynamic

    version, lab = cluster
    lab.cluster.kubeconfig(tmp_path / "admin", namespace="shop")
    configuration = client.Configuration()
    await config.load_kube_config(
        config_file=str(tmp_path / "admin"), client_configuration=configuration
    )
    async with client.ApiClient(configuration) as api:
        info = await client.VersionApi(api).get_code()
        assert info.git_version.startswith(f"v{version}.")
        pods = await client.CoreV1Api(api).list_namespaced_pod("shop")
        assert [item.status.phase for item in pods.items] == ["Running"]
        (web,) = (await client.AppsV1Api(api).list_namespaced_deployment("shop")).items
        assert web.status.available_replicas == 1
        batch: Any = client.BatchV1Api(api)
        if version == "1.20":
            with pytest.raises(client.ApiException) as caught:
                await batch.list_namespaced_cron_job("shop")
            assert caught.value.status == 404
        else:
            (cron,) = (await batch.list_namespaced_cron_job("shop")).items
            assert cron.spec.schedule == "0 3 * * *"
        finder = await dynamic.DynamicClient(api)
        for kind, wanted in SERVED[version].items():
            resource = await finder.resources.get(api_version=wanted, kind=kind)
            found = await resource.get(namespace="shop")
            assert [item.apiVersion for item in found.items], kind


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (
            "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b}."
            " preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
            "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had taint {a: b}, that the pod"
            " didn't tolerate.",
        ),
        (
            '0/1 nodes are available: persistentvolumeclaim "c" not found. preemption: x',
            '0/1 nodes are available: 1 persistentvolumeclaim "c" not found.',
        ),
        (
            "0/2 nodes are available: 2 node(s) didn't match pod affinity rules. preemption: x",
            "0/2 nodes are available: 2 node(s) didn't match pod affinity rules, 2 node(s) didn't"
            " match pod affinity/anti-affinity.",
        ),
        (
            'Back-off pulling image "a:1": ErrImagePull: rpc error: no such host',
            'Back-off pulling image "a:1"',
        ),
        (
            "Liveness probe errored and resulted in unknown state: strconv.Atoi: no",
            "Liveness probe errored: strconv.Atoi: no",
        ),
        ("Created container: main", "Created container main"),
    ],
)
def test_1_20_said_it_in_other_words(now: str, then: str) -> None:
    assert in_1_20(now) == then


async def test_the_same_pod_in_both_versions(
    cluster: tuple[str, Lab], reader: KubernetesReader
) -> None:
    version, lab = cluster
    lab.programs.missing.add("none:1")
    lab.cluster.create(pod("bad", container("none:1")))
    lab.cluster.create(pod("stuck", nodeSelector={"disk": "ssd"}))
    missing = container(volumeMounts=[{"name": "c", "mountPath": "/c"}])
    volumes = [{"name": "c", "configMap": {"name": "nope"}}]
    lab.cluster.create(pod("bare", missing, volumes=volumes))
    lab.cluster.advance(200)
    events = await reader.list("Event", "shop")
    said = {e["message"] for e in events if e["involvedObject"]["name"] == "stuck"}
    tries = [e for e in events if e["involvedObject"]["name"] == "stuck"]
    gave_up = [e["message"] for e in events if e["message"].startswith("Unable to attach")]
    while lab.state("bad")["state"]["waiting"]["reason"] != "ImagePullBackOff":
        lab.cluster.advance(5)
    bad = await reader.get("Pod", "shop", "bad")
    waiting = bad["status"]["containerStatuses"][0]["state"]["waiting"]["message"]
    if version == "1.20":
        assert said == {"0/3 nodes are available: 3 node(s) didn't match Pod's node affinity."}
        assert len(tries) == 2, "1.20 tried again at once"
        assert waiting == 'Back-off pulling image "none:1"'
        (text,) = gave_up
        assert text.startswith("Unable to attach or mount volumes: unmounted volumes=[c],")
        assert "default-token-" in text
    else:
        (text,) = said
        assert "node affinity/selector. preemption: 0/3" in text
        assert len(tries) == 1
        assert waiting.startswith('Back-off pulling image "none:1": ErrImagePull: rpc error:')
        assert not gave_up
