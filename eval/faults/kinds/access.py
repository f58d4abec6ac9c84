"""Faults of access and admission: the API server refuses the pods, or what is in them."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.api.values import Json
from copilot.model.scope import ObjectRef
from eval.apps.manifests import manifests
from eval.apps.model import App, Service
from eval.faults.case import Case
from eval.faults.changes import Add, Change, NamespaceLabel, Remove, Restart
from eval.faults.edits import container, down, spec
from eval.faults.fits import deployment, needed
from eval.faults.kind import Kind
from eval.faults.names import named
from eval.faults.symptoms import absent, event, log, status
from eval.protocols import Repair

_FAMILY = "access"
_NO_PODS = "gets no pods"


def _account(case: Case) -> Sequence[Change]:
    name = named(case, "account")
    values = {"serviceAccountName": name, "serviceAccount": name}
    return (spec(case, lambda pod: pod.update(values), fresh=True),)


def _binding(app: App, service: Service) -> str:
    """The RoleBinding that lets the service's init container read."""
    if not any(init.reads for init in service.init):
        return ""
    return next(
        (
            item["metadata"]["name"]
            for item in manifests(app)
            if item["kind"] == "RoleBinding"
            and any(subject["name"] == service.name for subject in item["subjects"])
        ),
        "",
    )


def _unbound(case: Case) -> Sequence[Change]:
    name = _binding(case.app, case.service)
    return (Remove("RoleBinding", name), Restart(case.target, case.kind))


def _root(case: Case) -> Sequence[Change]:
    return (
        container(case, lambda c: c.update(securityContext={"runAsNonRoot": True}), fresh=True),
    )


def _restricted(case: Case) -> Sequence[Change]:
    label = NamespaceLabel("pod-security.kubernetes.io/enforce", "restricted")
    return (label, Restart(case.target, case.kind))


def _webhook(case: Case) -> Sequence[Change]:
    name = named(case, "webhook")
    hook: Json = {
        "name": f"{name}.{case.app.name.replace('_', '-')}.io",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 5,
        "clientConfig": {
            "service": {"name": f"{name}-webhook", "namespace": case.namespace, "path": "/validate"}
        },
        "objectSelector": {"matchLabels": {case.app.label: case.target}},
        "rules": [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["pods"],
            }
        ],
    }

    def accepts(live: Json) -> bool:
        return all(each.get("failurePolicy") == "Ignore" for each in live.get("webhooks") or ())

    body = {"metadata": {"name": name}, "webhooks": [hook]}
    added = Add("ValidatingWebhookConfiguration", body, namespace="", accepts=accepts)
    return (added, Restart(case.target, case.kind))


def _webhook_ref(case: Case) -> Sequence[ObjectRef]:
    return (case.ref("ValidatingWebhookConfiguration", named(case, "webhook")),)


KINDS = (
    Kind(
        "service_account_missing",
        _FAMILY,
        "the pods are to run under a service account that does not exist",
        ("security.service_account_missing",),
        needed(deployment),
        _account,
        lambda case: (
            event(case.target, "FailedCreate", "error looking up service account"),
            *down(case),
        ),
        effect=_NO_PODS,
        origin="SREGym rbac_misconfiguration (variant)",
    ),
    Kind(
        "rbac_config_denied",
        _FAMILY,
        "the service account has lost the right to read the configuration that the start needs",
        ("security.rbac_denied",),
        needed(deployment, lambda app, s: bool(_binding(app, s))),
        _unbound,
        lambda case: (
            absent("RoleBinding", _binding(case.app, case.service)),
            log(case.target, "(?i)forbidden"),
            *down(case),
        ),
        effect="does not start",
        blame=lambda case: (
            case.ref("RoleBinding", _binding(case.app, case.service)),
            case.workload,
        ),
        repairs=lambda case: (
            Repair("create", case.ref("RoleBinding", _binding(case.app, case.service))),
        ),
        origin="SREGym rbac_misconfiguration",
    ),
    Kind(
        "run_as_non_root",
        _FAMILY,
        "the security context demands another user than the image's root",
        ("security.pod_security",),
        needed(deployment),
        _root,
        lambda case: (
            status(case.target, "CreateContainerConfigError"),
            event(case.target, "Failed", "runAsNonRoot"),
            *down(case),
        ),
        effect="does not start",
        origin="AIOpsLab security_context_fault (TiDB, commented out)",
    ),
    Kind(
        "pod_security_restricted",
        _FAMILY,
        "the namespace enforces the restricted Pod Security level, and the workload is restarted",
        ("security.pod_security",),
        needed(deployment),
        _restricted,
        lambda case: (event(case.target, "FailedCreate", "violates PodSecurity"), *down(case)),
        effect=_NO_PODS,
        blame=lambda case: (case.ref("Namespace", case.namespace), case.workload),
        unfit={"kube": "Pod Security admission needs Kubernetes 1.23"},
        origin="SREGym psa_restricted_blocks_recreation",
        recover_seconds=1200,
    ),
    Kind(
        "webhook_unavailable",
        _FAMILY,
        "an admission webhook that must not fail has no backend, and the workload is restarted",
        ("admission.webhook_failing",),
        needed(deployment),
        _webhook,
        lambda case: (event(case.target, "FailedCreate", "failed calling webhook"), *down(case)),
        effect=_NO_PODS,
        blame=_webhook_ref,
        repairs=lambda case: (
            Repair("delete", _webhook_ref(case)[0]),
            Repair("change", _webhook_ref(case)[0], "failurePolicy: Ignore"),
        ),
        origin="SREGym admission_webhook_outage",
        recover_seconds=1200,
    ),
)
