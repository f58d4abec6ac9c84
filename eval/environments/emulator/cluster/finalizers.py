"""The finalizers that protect storage in use."""

from __future__ import annotations

FINALIZERS = {
    "PersistentVolumeClaim": "kubernetes.io/pvc-protection",
    "PersistentVolume": "kubernetes.io/pv-protection",
}
"""What the API server puts on every new claim and volume."""
