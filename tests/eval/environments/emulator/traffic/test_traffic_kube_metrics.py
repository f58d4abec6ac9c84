"""The metrics of objects other than pods, read from an emulated cluster."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.api.values import Json
from eval.environments.emulator.cluster.cluster import EmulatedCluster
from eval.environments.emulator.seams import Run
from eval.environments.emulator.telemetry.promql import Engine
from eval.environments.emulator.telemetry.series import SeriesStore
from eval.environments.emulator.traffic.metrics.kube_workloads import KubeWorkloads
from eval.environments.emulator.traffic.metrics.scrape import Scraper

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Failing:
    def image_exists(self, image: str) -> bool:
        return True

    def start(self, pod: Json, container: Json, now: datetime) -> Run:
        return Run(exits_after=2, exit_code=1) if container["name"] == "job" else Run()

    def http_status(self, pod: Json, container: Json, path: str, now: datetime) -> int:
        return 200


def template(name: str) -> Json:
    containers = [{"name": name, "image": "app:1"}]
    spec: Json = {"containers": containers}
    if name == "job":
        spec["restartPolicy"] = "Never"
    return {"metadata": {"labels": {"app": name}}, "spec": spec}


def objects() -> list[Json]:
    def item(api: str, kind: str, name: str, spec: Json) -> Json:
        meta = {"name": name, "namespace": "default"}
        return {"apiVersion": api, "kind": kind, "metadata": meta, "spec": spec}

    selector = {"matchLabels": {"app": "db"}}
    sets = {"replicas": 2, "serviceName": "db", "selector": selector, "template": template("db")}
    agents = {"selector": {"matchLabels": {"app": "agent"}}, "template": template("agent")}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    scaler = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db"},
        "maxReplicas": 5,
    }
    return [
        item("apps/v1", "StatefulSet", "db", sets),
        item("apps/v1", "DaemonSet", "agent", agents),
        item("batch/v1", "Job", "report", {"backoffLimit": 0, "template": template("job")}),
        item("v1", "PersistentVolumeClaim", "data", {**claim, "storageClassName": "none"}),
        item("v1", "ResourceQuota", "small", {"hard": {"pods": "20"}}),
        item("autoscaling/v2", "HorizontalPodAutoscaler", "db", scaler),
    ]


def test_they_say_what_the_objects_say() -> None:
    cluster = EmulatedCluster(Failing(), start=START, nodes=2)
    store = SeriesStore()
    cluster.clock.add(Scraper(store, [KubeWorkloads(cluster)]))
    for item in objects():
        cluster.create(item)
    cluster.advance(120)
    at = cluster.now().timestamp()

    def value(query: str) -> float:
        [(_, points)] = Engine(store).instant(query, at).series
        return points[0][1]

    assert value('kube_statefulset_replicas{statefulset="db"}') == 2
    assert value('kube_statefulset_status_replicas_ready{namespace="default"}') == 2
    nodes = len(cluster.objects("Node"))
    assert value("sum(kube_node_spec_unschedulable == bool 0)") == nodes
    desired = value('kube_daemonset_status_desired_number_scheduled{daemonset="agent"}')
    assert 0 < desired <= nodes
    assert value('kube_daemonset_status_number_ready{daemonset="agent"}') == desired
    assert value('kube_job_failed{job_name="report",condition="true"}') == 1
    assert value('kube_job_status_failed{job_name="report"}') == 1
    claim = 'kube_persistentvolumeclaim_status_phase{persistentvolumeclaim="data",phase="%s"}'
    assert (value(claim % "Pending"), value(claim % "Bound")) == (1, 0)
    assert value('kube_resourcequota{resource="pods",type="hard"}') == 20
    assert 3 <= value('kube_resourcequota{resource="pods",type="used"}') <= 4
    assert value("kube_horizontalpodautoscaler_spec_max_replicas") == 5
