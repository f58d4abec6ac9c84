"""Request bodies in protobuf, which kubectl's typed commands send.

Only the messages that those commands create are known; others are refused as the real API server
refuses an unknown media type.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.errors import ApiError

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"

_Field = tuple[str, str]
_Message = dict[int, _Field]


def _message(text: str) -> _Message:
    """Read `1 name type, 2 name type`; types are s(tring), i(nt), b(ool), bytes, m(ap), mb, or a message.

    A leading `*` marks a repeated field.
    """
    fields: _Message = {}
    for part in text.split(","):
        number, name, kind = part.split()
        fields[int(number)] = (name, kind)
    return fields


_MESSAGES: dict[str, _Message] = {
    "Meta": _message(
        "1 name s,2 generateName s,3 namespace s,5 uid s,6 resourceVersion s,11 labels m,"
        "12 annotations m,14 finalizers *s"
    ),
    "LabelSelector": _message("1 matchLabels m,2 matchExpressions *Requirement"),
    "Requirement": _message("1 key s,2 operator s,3 values *s"),
    "Namespace": _message("1 metadata Meta"),
    "ServiceAccount": _message("1 metadata Meta"),
    "ConfigMap": _message("1 metadata Meta,2 data m,3 binaryData mb,4 immutable b"),
    "Secret": _message("1 metadata Meta,2 data mb,3 type s,4 stringData m,5 immutable b"),
    "Service": _message("1 metadata Meta,2 spec ServiceSpec"),
    "ServiceSpec": _message(
        "1 ports *ServicePort,2 selector m,3 clusterIP s,4 type s,7 sessionAffinity s,"
        "10 externalName s"
    ),
    "ServicePort": _message(
        "1 name s,2 protocol s,3 port i,4 targetPort IntOrString,5 nodePort i,6 appProtocol s"
    ),
    "IntOrString": _message("1 type i,2 intVal i,3 strVal s"),
    "Deployment": _message("1 metadata Meta,2 spec DeploymentSpec"),
    "DeploymentSpec": _message(
        "1 replicas i,2 selector LabelSelector,3 template PodTemplate,4 strategy Strategy,"
        "5 minReadySeconds i,6 revisionHistoryLimit i,7 paused b,9 progressDeadlineSeconds i"
    ),
    "Strategy": _message("1 type s"),
    "PodTemplate": _message("1 metadata Meta,2 spec PodSpec"),
    "PodSpec": _message("2 containers *Container,3 restartPolicy s,7 nodeSelector m"),
    "Container": _message(
        "1 name s,2 image s,3 command *s,4 args *s,5 workingDir s,6 ports *ContainerPort,"
        "7 env *EnvVar,14 imagePullPolicy s"
    ),
    "ContainerPort": _message("1 name s,2 hostPort i,3 containerPort i,4 protocol s"),
    "EnvVar": _message("1 name s,2 value s"),
    "ResourceQuota": _message("1 metadata Meta,2 spec QuotaSpec"),
    "QuotaSpec": _message("1 hard mq,2 scopes *s"),
    "Quantity": _message("1 string s"),
    "Job": _message("1 metadata Meta,2 spec JobSpec"),
    "JobSpec": _message("1 parallelism i,2 completions i,6 template PodTemplate,7 backoffLimit i"),
    "HorizontalPodAutoscaler": _message("1 metadata Meta,2 spec AutoscalerSpec"),
    "AutoscalerSpec": _message(
        "1 scaleTargetRef TargetRef,2 minReplicas i,3 maxReplicas i,4 metrics *Metric"
    ),
    "TargetRef": _message("1 kind s,2 name s,3 apiVersion s"),
    "Metric": _message("1 type s,4 resource ResourceMetric"),
    "ResourceMetric": _message("1 name s,2 target MetricTarget"),
    "MetricTarget": _message("1 type s,4 averageUtilization i"),
    "Eviction": _message("1 metadata Meta,2 deleteOptions DeleteOptions"),
    "DeleteOptions": _message(
        "1 gracePeriodSeconds i,3 orphanDependents b,4 propagationPolicy s,5 dryRun *s"
    ),
    "SelfSubjectAccessReview": _message("1 metadata Meta,2 spec AccessSpec"),
    "AccessSpec": _message("1 resourceAttributes Resource,2 nonResourceAttributes NonResource"),
    "Resource": _message(
        "1 namespace s,2 verb s,3 group s,4 version s,5 resource s,6 subresource s,7 name s"
    ),
    "NonResource": _message("1 path s,2 verb s"),
    "SelfSubjectRulesReview": _message("1 metadata Meta,2 spec RulesSpec"),
    "RulesSpec": _message("1 namespace s"),
    "SelfSubjectReview": _message("1 metadata Meta"),
    "TokenRequest": _message("1 metadata Meta,2 spec TokenSpec"),
    "TokenSpec": _message("1 audiences *s,3 boundObjectRef BoundObject,4 expirationSeconds i"),
    "BoundObject": _message("1 kind s,2 apiVersion s,3 name s,4 uid s"),
    "Role": _message("1 metadata Meta,2 rules *PolicyRule"),
    "ClusterRole": _message("1 metadata Meta,2 rules *PolicyRule,3 aggregationRule Aggregation"),
    "PolicyRule": _message(
        "1 verbs *s,2 apiGroups *s,3 resources *s,4 resourceNames *s,5 nonResourceURLs *s"
    ),
    "Aggregation": _message("1 clusterRoleSelectors *LabelSelector"),
    "RoleBinding": _message("1 metadata Meta,2 subjects *Subject,3 roleRef RoleRef"),
    "ClusterRoleBinding": _message("1 metadata Meta,2 subjects *Subject,3 roleRef RoleRef"),
    "Subject": _message("1 kind s,2 apiGroup s,3 name s,4 namespace s"),
    "RoleRef": _message("1 apiGroup s,2 kind s,3 name s"),
    "PriorityClass": _message(
        "1 metadata Meta,2 value i,3 globalDefault b,4 description s,5 preemptionPolicy s"
    ),
    "PodDisruptionBudget": _message("1 metadata Meta,2 spec BudgetSpec"),
    "BudgetSpec": _message(
        "1 minAvailable IntOrString,2 selector LabelSelector,3 maxUnavailable IntOrString"
    ),
    "CronJob": _message("1 metadata Meta,2 spec CronJobSpec"),
    "CronJobSpec": _message(
        "1 schedule s,3 concurrencyPolicy s,4 suspend b,5 jobTemplate JobTemplate"
    ),
    "JobTemplate": _message("1 metadata Meta,2 spec JobSpec"),
    "Ingress": _message("1 metadata Meta,2 spec IngressSpec"),
    "IngressSpec": _message(
        "1 defaultBackend IngressBackend,2 tls *IngressTls,3 rules *IngressRule,"
        "4 ingressClassName s"
    ),
    "IngressTls": _message("1 hosts *s,2 secretName s"),
    "IngressRule": _message("1 host s,2 http IngressHttp"),
    "IngressHttp": _message("1 paths *IngressPath"),
    "IngressPath": _message("1 path s,2 backend IngressBackend,3 pathType s"),
    "IngressBackend": _message("4 service IngressService"),
    "IngressService": _message("1 name s,2 port IngressPort"),
    "IngressPort": _message("1 name s,2 number i"),
}


def decode(body: bytes) -> Json:
    """Return a protobuf body as an object. Raises `ApiError` 415 for kinds that are not known."""
    if not body:
        return {}
    if not body.startswith(_MAGIC):
        raise _refusal("the body is not an encoded Kubernetes object")
    try:
        outer = dict(_fields(body[len(_MAGIC) :]))
        type_meta = {number: bytes(value).decode() for number, value in _fields(outer[1])}
        kind = type_meta.get(2, "")
        if kind not in _MESSAGES:
            raise _refusal(f"{kind} is understood as JSON only")
        decoded = _object(_MESSAGES[kind], outer.get(2, b""))
    except (KeyError, IndexError, UnicodeDecodeError) as error:
        raise _refusal(f"the body cannot be decoded: {error}") from error
    return {"apiVersion": type_meta.get(1, ""), "kind": kind, **decoded}


def _refusal(why: str) -> ApiError:
    return ApiError(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include:"
        f" application/json, application/yaml ({why})",
    )


def _object(message: _Message, data: bytes) -> Json:
    found: Json = {}
    for number, value in _fields(data):
        if number not in message:
            continue
        name, kind = message[number]
        if kind.startswith("*"):
            found.setdefault(name, []).append(_value(kind[1:], value))
        elif kind in ("m", "mb", "mq"):
            entry = dict(_fields(value))
            below = {"m": "s", "mb": "bytes", "mq": "Quantity"}[kind]
            item = _value(below, entry.get(2, b""))
            found.setdefault(name, {})[entry.get(1, b"").decode()] = (
                item.get("string", "") if kind == "mq" else item
            )
        else:
            decoded = _value(kind, value)
            # an empty scalar is a field that was not set
            if decoded not in ("", None, 0, False) or kind == "i":
                found[name] = decoded
    return found


def _value(kind: str, value: Any) -> Any:
    if kind == "s":
        return bytes(value).decode()
    if kind == "bytes":
        return base64.b64encode(value).decode()
    if kind == "i":
        return value - 2**64 if value >= 2**63 else value
    if kind == "b":
        return bool(value)
    decoded = _object(_MESSAGES[kind], value)
    if kind == "IntOrString":
        return decoded.get("strVal", "") if decoded.get("type") else decoded.get("intVal", 0)
    return decoded


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield number, value
        elif wire == 2:
            size, position = _varint(data, position)
            yield number, data[position : position + size]
            position += size
        elif wire in (1, 5):
            position += 8 if wire == 1 else 4
        else:
            raise IndexError(f"wire type {wire}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
