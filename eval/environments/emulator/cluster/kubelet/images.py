"""Image references and the words of registries and kubelets about them."""

from __future__ import annotations

import re
from functools import lru_cache

from eval.environments.emulator.cluster.names import fnv1a
from eval.environments.emulator.seams import PullProblem

_REFERENCE = re.compile(
    r"^(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$"
)
_HUB = "registry-1.docker.io"
_NODE_DNS = "172.18.0.1:53"


@lru_cache(maxsize=4096)
def full_name(image: str) -> str:
    """Return the reference with registry and tag: docker.io/library/nginx:latest."""
    first, slash, _ = image.partition("/")
    if not slash:
        image = f"docker.io/library/{image}"
    elif "." not in first and ":" not in first and first != "localhost":
        image = f"docker.io/{image}"
    last = image.rsplit("/", 1)[-1]
    return image if ":" in last or "@" in last else f"{image}:latest"


def invalid_name(image: str, legacy: bool = False) -> str:
    """Return the kubelet's message for a reference that cannot be parsed, or "".

    In 1.20 (`legacy`) upper case alone did not make the first part a registry's name.
    """
    first, slash, _ = image.partition("/")
    hub = not slash or not ("." in first or ":" in first or first == "localhost")
    if _REFERENCE.match(image) and not (legacy and hub and first != first.lower()):
        return ""
    name = image.partition("@")[0]
    repository = name.rsplit(":", 1)[0] if ":" in name.rsplit("/", 1)[-1] else name
    shouted = ": repository name must be lowercase" if repository != repository.lower() else ""
    return (
        f'Failed to apply default image tag "{image}": couldn\'t parse image reference "{image}":'
        f" invalid reference format{shouted}"
    )


def pull_error(image: str, problem: PullProblem = "not_found") -> str:
    """Return the container runtime's error for a pull that fails, as the kubelet passes it on."""
    name = full_name(image)
    failed = f'failed to pull and unpack image "{name}": failed to resolve reference "{name}": '
    code = "Unknown"
    host, _, rest = name.partition("/")
    repository, tag = _split(rest)
    server = _HUB if host == "docker.io" else host
    where = server if ":" in server else f"{server}:443"
    request = f'failed to do request: Head "https://{server}/v2/{repository}/manifests/{tag}": '
    if problem == "denied":
        failed += (
            "pull access denied, repository does not exist or may require authorization:"
            " server message: insufficient_scope: authorization failed"
        )
    elif problem == "unauthorized":
        realm = "auth.docker.io/token" if host == "docker.io" else f"{server}/v2/token"
        failed += (
            "failed to authorize: failed to fetch oauth token: unexpected status from GET request"
            f" to https://{realm}?scope=repository%3A{repository.replace('/', '%2F')}%3Apull"
            f"&service={'registry.docker.io' if host == 'docker.io' else server}:"
            " 401 Unauthorized"
        )
    elif problem == "unknown_host":
        failed += f"{request}dial tcp: lookup {server.split(':')[0]} on {_NODE_DNS}: no such host"
    elif problem == "refused":
        failed += f"{request}dial tcp {_address(where)}: connect: connection refused"
    elif problem == "timeout":
        failed += f"{request}dial tcp {_address(where)}: i/o timeout"
    elif problem == "throttled":
        failed = (
            f'failed to pull and unpack image "{name}": failed to copy: httpReadSeeker: failed'
            f" open: unexpected status code https://{server}/v2/{repository}/manifests/{tag}: 429"
            " Too Many Requests - Server message: toomanyrequests: You have reached your"
            " unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"
        )
    else:
        code = "NotFound"
        failed += f"{name}: not found"
    return f"rpc error: code = {code} desc = {failed}"


@lru_cache(maxsize=4096)
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


def _split(rest: str) -> tuple[str, str]:
    if "@" in rest:
        repository, _, digest = rest.partition("@")
        return repository, digest
    repository, _, tag = rest.rpartition(":")
    return repository, tag


def _address(where: str) -> str:
    """Return host:port with an address; the same for the same host."""
    host, port = where.rsplit(":", 1)
    if host.replace(".", "").isdigit():
        return where
    number = fnv1a(host)
    return f"{54 + number % 40}.{number >> 8 & 255}.{number >> 16 & 255}.{1 + (number >> 24) % 250}:{port}"
