"""Keeps Secret values out: what comes back about a Secret is its metadata and nothing else."""

from __future__ import annotations

from connectors.api.values import Json

LIST_ACCEPT = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
GET_ACCEPT = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Ask the server to leave everything but the metadata out."""

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def metadata_only(secret: Json) -> Json:
    """Return `secret` without data, whatever the server sent.

    The annotation in which `kubectl apply` keeps a copy of the whole object goes too.
    """
    metadata = dict(secret.get("metadata") or {})
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != _APPLIED}
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    kept: Json = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    if "type" in secret:
        kept["type"] = secret["type"]
    return kept
