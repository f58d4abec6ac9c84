"""Image references and the words of registries and kubelets about them."""

from __future__ import annotations

import re

from eval.environments.emulator.cluster.names import fnv1a

_REFERENCE = re.compile(
    r"^(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$"
)


def full_name(image: str) -> str:
    """Return the reference with registry and tag: docker.io/library/nginx:latest."""
    first, slash, _ = image.partition("/")
    if not slash:
        image = f"docker.io/library/{image}"
    elif "." not in first and ":" not in first and first != "localhost":
        image = f"docker.io/{image}"
    last = image.rsplit("/", 1)[-1]
    return image if ":" in last or "@" in last else f"{image}:latest"


def invalid_name(image: str) -> str:
    """Return the kubelet's message for a reference that cannot be parsed, or ""."""
    if _REFERENCE.match(image):
        return ""
    return (
        f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}":'
        " invalid reference format"
    )


def pull_error(image: str) -> str:
    """Return containerd's words for an image that the registry does not have."""
    name = full_name(image)
    return (
        f'failed to pull and unpack image "{name}": failed to resolve reference "{name}":'
        f" {name}: not found"
    )


def image_id(image: str) -> str:
    """Return an imageID that is the same for the same reference."""
    name = full_name(image)
    repository = name.split("@")[0].rsplit(":", 1)[0]
    digest = "".join(f"{fnv1a(f'{name}/{part}'):08x}" for part in range(8))
    return f"{repository}@sha256:{digest}"


def pull_seconds(image: str) -> float:
    """Return how long a pull takes, the same for the same reference."""
    return 0.8 + fnv1a(image) % 2400 / 1000


def image_size(image: str) -> int:
    """Return the image's size in bytes, the same for the same reference."""
    return 20_000_000 + fnv1a(image + "/size") % 180_000_000
