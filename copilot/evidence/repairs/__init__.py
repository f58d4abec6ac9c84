"""Which typed actions would repair a cause, as rows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from copilot.evidence.case import Case
from copilot.evidence.changes import Rollout
from copilot.evidence.kube import created, dig, name_of
from copilot.evidence.ranking import Candidate
from copilot.evidence.repairs import (
    addresses,
    allowing,
    cloning,
    crowding,
    images,
    narrowing,
    nets,
    options,
    placing,
    probing,
    programs,
    references,
    restoring,
    routing,
    running,
    sizing,
    stalled,
    storage,
    stores,
)
from copilot.evidence.repairs.common import Facts, Maker, Row, concerned, nudged
from copilot.evidence.repairs.revisions import ANY, last_without, touches
from copilot.evidence.snapshot import event_time, revision_of
from copilot.model.action import DeleteObject, Restart, Risk, RollBack, Scale, SetImage, Several
from copilot.model.scope import ObjectRef

_CHANGED_BY: dict[str, tuple[str, ...]] = {
    "image": ("image", "imagePullSecrets"),
    "workload": ANY,
    "config": ("env", "envFrom", "volumes", "volumeMounts", "ports", "hostNetwork"),
    "probe": ("readinessProbe", "livenessProbe", "startupProbe", "ports"),
    "resources": ("resources", "env", "args", "command"),
    "scheduling": ("nodeSelector", "affinity", "tolerations", "topologySpreadConstraints",
                   "schedulerName", "priorityClassName"),
    "storage": ("volumes", "volumeMounts", "securityContext"),
    "security": ("securityContext", "serviceAccountName", "volumes", "automountServiceAccountToken"),
    "network": ("dnsPolicy", "dnsConfig", "hostAliases", "hostNetwork"),
    "dependency": ("env", "envFrom", "args", "command", "hostAliases"),
    "init": ANY,
    "autoscaling": ("resources",),
    "database": ("env", "envFrom", "args", "command", "image"),
    "application": ANY,
    "queue": ANY,
    "pod.evicted": ("volumes", "volumeMounts", "resources", "env", "args", "command", "image"),
}  # fmt: skip
"""Which changed fields of a pod template can have brought a cause about, by the cause's area or itself."""
_FLAGGED = frozenset({"application.errors", "application.slow", "queue.consumer_lag", "queue.poison_message",
                      "resources.memory_leak", "resources.cpu_saturation", "traffic.surge",
                      "cache.ineffective", "dependency.slow"})  # fmt: skip
"""What a switched-on flag can be behind."""
_RESTART = frozenset({"resources.memory_leak", "dependency.pool_exhausted", "application.slow",
                      "workload.crash_on_start", "pod.killed", "resources.cpu_saturation",
                      "application.errors", "node.resource_exhausted"})  # fmt: skip


def actions(case: Case, candidate: Candidate, facts: Facts) -> Iterator[Row]:
    """Yield the actions that address a cause, the most direct first."""
    maker = _MAKERS.get(candidate.cause)
    facts = told(candidate, facts)
    if candidate.cause in _FLAGGED:
        yield from running.flagged(case, candidate.object, facts)
    if case.snapshot.seen:
        yield from restoring.as_before(case, candidate.cause, candidate.object, facts)
    if facts.get("lock"):
        yield from stalled.release(case, candidate.object, facts)
    if maker is not None:
        yield from maker(case, candidate.object, facts)
    yield from _roll_back(case, candidate)
    if candidate.cause.startswith("image.") or candidate.cause == "workload.bad_rollout":
        yield from _image(candidate.object, facts)
    if candidate.cause in _RESTART and candidate.object.kind in (
        "Deployment",
        "StatefulSet",
        "DaemonSet",
    ):
        ref = candidate.object
        yield (
            f"Restart {ref.kind} {ref.name}",
            Restart(ref),
            Risk.MEDIUM,
            "A restart cannot be taken back; the pods are equal to those before.",
            "The symptom is gone for a while; the cause itself stays.",
        )


def told(candidate: Candidate, facts: Facts) -> Facts:
    """Return the facts of a cause, with the objects and the namespace that it is about."""
    return {
        **facts,
        "also": ",".join(f"{ref.kind}/{ref.name}" for ref in candidate.also),
        "namespace": next(
            (r.namespace for r in (candidate.object, *candidate.also) if r.namespace), ""
        ),
    }


def _roll_back(case: Case, candidate: Candidate) -> Iterator[Row]:
    """Return to the revision before, when the present one touched what the cause is about."""
    area = candidate.cause.split(".")[0]
    fields = _CHANGED_BY.get(candidate.cause) or _CHANGED_BY.get(area)
    # Who lost its place to another is well; nor is a node's lack of room its pods' doing.
    alone = candidate.cause in ("scheduling.preempted", "pod.evicted")
    for ref in (candidate.object, *(() if alone else candidate.also)):
        if ref.kind != "Deployment" or not fields:
            continue
        found = case.rollout(ref)
        fits = found is not None and any(touches(c.path, fields) for c in found.changes)
        if found is None or not fits:
            earlier = last_without(case, ref, fields)
            if earlier:
                yield (
                    f"Roll Deployment {ref.name} back to revision {earlier}",
                    RollBack(ref, earlier),
                    Risk.LOW,
                    "Roll forward to the present revision again.",
                    "The earlier revision's pods become ready.",
                )
                return
        if (
            found is None
            or found.reverts
            or not case.snapshot.is_known_period(found.at)
            or not fits
        ):
            continue
        title, action = (
            f"Roll Deployment {ref.name} back to revision {found.previous}",
            RollBack(ref, found.previous),
        )
        count = _count_before(case, ref, found)
        yield (
            f"{title}, with {count} replicas as before" if count else title,
            Several(ref, (action, Scale(ref, count))) if count else action,
            Risk.LOW,
            f"Roll forward to revision {found.revision} again.",
            "The earlier revision's pods become ready.",
        )
        return


_SCALED = re.compile(r"caled (?:up|down) replica set (\S+) (?:from \d+ )?to (\d+)")


def _count_before(case: Case, ref: ObjectRef, found: Rollout) -> int:
    """Return how many replicas the revision before had, where the rollout raised that too; else 0.

    What the rollout itself scaled its two ReplicaSets to on the way says nothing about that.
    """
    newest = case.snapshot.replica_sets(ref)[0]
    began = created(newest) or found.at
    sets = {revision_of(item): name_of(item) for item in case.snapshot.replica_sets(ref)}
    wanted = int(dig(case.snapshot.get(ref), "spec.replicas", 1) or 0)
    scaled = any(
        dig(item, "spec.scaleTargetRef.name") == ref.name
        for item in case.snapshot.of("HorizontalPodAutoscaler")
    )
    count = 0
    for event in case.snapshot.events(ref):
        match, when = _SCALED.search(str(event.get("message", ""))), event_time(event)
        if match and when and began and match[1] == sets.get(found.previous) and when < began:
            count = int(match[2])
    return count if 0 < count < wanted and not scaled else 0


def _image(ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    if facts.get("previous_image"):
        image, container = str(facts["previous_image"]), str(facts.get("container", ""))
        yield (
            f"Set the image of {ref.name}/{container} to {image}",
            SetImage(ref, container, image),
            Risk.LOW if facts.get("rolled_out") else Risk.MEDIUM,
            f"Set the image back to {facts.get('image', 'the present one')}.",
            "The image is pulled, and the pods become ready.",
        )


def _address(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    yield from addresses.settings(case, ref, facts)
    yield from placing.aliases(case, ref, facts)
    yield from addresses.as_others(case, ref, facts)
    yield from addresses.files(case, ref, {})
    yield from routing.unreached(case, ref, {})
    yield from programs.image(case, ref, facts)


def _selector(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    yield from routing.selector(case, ref, facts)
    yield from routing.unreached(case, ref, {})


def _strangers(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    yield from routing.selector(case, ref, facts)
    yield from narrowing.narrowed(case, ref, facts)


def _names(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    yield from nets.name_servers(case, ref, facts)
    yield from placing.aliases(case, ref, facts)


def _program(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    yield from programs.command(case, ref, facts)
    yield from programs.image(case, ref, facts)


def _limits(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    obj = case.snapshot.get(ref)
    if ref.kind == "LimitRange" and obj is not None and case.snapshot.is_known_period(created(obj)):
        yield (
            f"Delete LimitRange {ref.name}",
            nudged(case, DeleteObject(ref), concerned(case, ref, facts)),
            Risk.MEDIUM,
            "Create it again as it was.",
            "What it forbade works again.",
        )
    yield from sizing.within(case, ref, facts)


_MAKERS: dict[str, Maker] = {
    "service.target_port_mismatch": routing.target_port,
    "service.selector_mismatch": _selector,
    "service.selects_wrong_pods": _strangers,
    "scheduling.preempted": crowding.preempted,
    "autoscaling.contested": crowding.contested,
    "pod.evicted": crowding.evicted,
    "service.missing": routing.service,
    "service.port_mismatch": routing.offered_port,
    "dependency.unreachable": routing.unreached,
    "dependency.slow": routing.unreached,
    "workload.bad_command": programs.command,
    "workload.crash_on_start": _program,
    "workload.bad_rollout": programs.image,
    "workload.too_many_replicas": running.scale,
    "job.suspended": running.resume,
    "service.traffic_policy": routing.traffic_policy,
    "workload.scaled_to_zero": running.scale,
    "scheduling.node_selector": placing.node_selector,
    "scheduling.cordoned": placing.uncordon,
    "scheduling.taint": placing.untaint,
    "scheduling.scheduler_missing": placing.scheduler,
    "resources.quota_exceeded": sizing.quota,
    "resources.limit_range": _limits,
    "network.policy_blocks": nets.policy,
    "probe.readiness_misconfigured": probing.probe,
    "probe.liveness_misconfigured": probing.probe,
    "probe.startup_misconfigured": probing.probe,
    "resources.memory_limit_too_low": sizing.memory,
    "resources.cpu_throttling": running.cpu,
    "security.pod_security": allowing.security,
    "scheduling.pod_affinity": placing.pod_affinity,
    "scheduling.priority_class_missing": placing.priority,
    "config.port_conflict": placing.ports,
    "dependency.wrong_address": _address,
    "database.wrong_password": options.password,
    "database.login_revoked": stores.grant,
    "database.user_missing": stores.create,
    "network.dns": _names,
    "init.stuck": running.init,
    "security.service_account_missing": allowing.account,
    "autoscaling.at_limit": running.autoscaler,
    "storage.claim_unbound": storage.claim,
    "config.env_wrong": _address,
    "config.value_wrong": addresses.files,
    "config.secret_missing": references.reference,
    "config.configmap_missing": references.reference,
    "image.not_found": images.other,
    "image.pull_unauthorized": images.other,
    "image.registry_unreachable": images.other,
    "image.wrong_architecture": images.other,
    "workload.missing": cloning.workload,
    "workload.update_strategy": nets.strategy,
    "resources.request_too_large": sizing.request,
    "autoscaling.no_metrics": sizing.metric_request,
    "storage.claim_missing": storage.missing,
    "storage.class_missing": storage.of_class,
    "network.ingress_misroute": nets.ingress,
    "admission.webhook_failing": nets.webhook,
    "database.tls_mismatch": options.tls,
    "database.connection_limit": options.connections,
    "database.memory_full": options.full,
    "traffic.surge": running.more,
    "queue.consumer_lag": stalled.lag,
    "config.feature_flag": running.flag,
}
