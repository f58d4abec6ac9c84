"""Images that cannot be pulled: unknown, refused, or of another architecture."""

from __future__ import annotations

import re
from collections.abc import Iterator

from copilot.evidence.analyzers.subject import Subject
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import containers, dig, is_true, parse_time, pod_spec, ref_of
from copilot.evidence.snapshot import event_first
from copilot.model.scope import ObjectRef

_REFUSED = re.compile(
    r"unauthorized|authentication required|authorization failed|failed to authorize|\b40[13]\b"
    r"|no basic auth|denied|insufficient_scope|forbidden",
    re.I,
)
_UNKNOWN = re.compile(
    r"not found|manifest unknown|does not exist|notfound|\b404\b|invalid reference|couldn't parse"
    r"|InvalidImageName|ErrImageNeverPull|name unknown|no such image",
    re.I,
)
_OFFLINE = re.compile(
    r"no such host|i/o timeout|connection refused|connection reset|network is unreachable"
    r"|TLS handshake timeout|deadline exceeded|server misbehaving|RegistryUnavailable|x509:|tls: |HTTPS client"
    r"|\b50[0234]\b|Service Unavailable|unexpected EOF|temporary failure",
    re.I,
)
_PLATFORM = re.compile(
    r"no match for platform|exec format error|no matching manifest for|no image found in .{0,40}for architecture",
    re.I,
)
_LIMITED = re.compile(r"toomanyrequests|pull rate limit|429 Too Many", re.I)
_FULL = re.compile(r"no space left on device|disk quota exceeded", re.I)


def analyze(subject: Subject) -> Iterator[Clue]:
    """Say why the image cannot be pulled."""
    case, state = subject.case, dig(subject.status, "state.waiting", {})
    image = str(subject.spec.get("image", dig(subject.status, "image", "")))
    failures = subject.events("Failed", "InspectFailed", "ErrImageNeverPull", "BackOff")
    details = [e for e in failures if "pull image" in str(e.get("message", ""))]
    text = " ".join([str(state.get("reason")), str(state.get("message", ""))] + [
        str(e.get("message", "")) for e in (details or failures)
    ])  # fmt: skip
    changes = case.changes(subject.workload, "image", container=subject.container)
    facts: dict[str, Fact] = {"container": subject.container, "image": image}
    earlier = changes[0].before if changes else _sibling(subject, image)
    if earlier:
        facts["previous_image"] = earlier
    if changes:
        facts["rolled_out"] = 1
    unknown, refused = bool(_UNKNOWN.search(text)), bool(_REFUSED.search(text))
    because = f'the image "{image}" cannot be pulled: {_reason(text)}'
    if _PLATFORM.search(text):
        chosen = {"image.wrong_architecture": 0.95}
    elif _OFFLINE.search(text) and not unknown and not refused:
        chosen = {"image.registry_unreachable": 0.93}
    elif unknown and refused:
        # Public registries answer the same for "does not exist" and "not yours".
        private = bool(dig(subject.pod, "spec.imagePullSecrets"))
        chosen = {
            "image.pull_unauthorized": 0.6 if private else 0.35,
            "image.not_found": 0.38 if private else 0.6,
        }
    elif refused:
        chosen = {"image.pull_unauthorized": 0.92}
    elif unknown:
        chosen = {"image.not_found": 0.96}
    else:
        # Only the back-off is left, or the registry could not be asked.
        chosen = {"image.not_found": 0.9 if changes or earlier else 0.75}
    if _LIMITED.search(text):
        chosen = {"image.registry_unreachable": 0.6, "image.pull_unauthorized": 0.35}
    place: ObjectRef = subject.workload
    also: tuple[ObjectRef, ...] = ()
    if _FULL.search(text):
        chosen = {"storage.disk_full": 0.9}
        place, also = (
            ObjectRef("Node", "", str(dig(subject.pod, "spec.nodeName", ""))),
            (subject.workload,),
        )
    claims = [
        Claim(place, cause, strength, because, also, facts) for cause, strength in chosen.items()
    ]
    evidence = [subject.quote_state(), *subject.quote_events(details or failures)]
    evidence += [change.evidence for change in changes[:1]]
    onset = event_first((details or failures)[0]) if failures else None
    yield case.clue(
        "pod.image_pull",
        subject.workload,
        f"{subject.label}: container {subject.container} cannot start, {because}",
        evidence,
        weight=subject.weight,
        onset=onset or parse_time(dig(subject.pod, "metadata.creationTimestamp")),
        claims=claims,
        local=True,
    )


def _reason(text: str) -> str:
    if _FULL.search(text):
        return "the node's disk is full"
    if _LIMITED.search(text):
        return "the registry limits how many pulls it answers"
    if _PLATFORM.search(text):
        return "it is not built for the node's architecture"
    if _OFFLINE.search(text) and not _UNKNOWN.search(text) and not _REFUSED.search(text):
        return "its registry cannot be reached"
    if _UNKNOWN.search(text):
        return "the registry does not know it"
    if _REFUSED.search(text):
        return "the registry refuses the credentials"
    return "the registry does not deliver it"


def _sibling(subject: Subject, image: str) -> str:
    """Return an image of the same repository that another, working pod runs."""
    repository = image.rpartition("/")[0] + "/" + re.split(r"[:@]", image.rpartition("/")[2])[0]
    for pod in subject.case.snapshot.of("Pod"):
        if not is_true(pod, "Ready") or ref_of(pod) == ref_of(subject.pod):
            continue
        for container in containers(pod_spec(pod)):
            other = str(container.get("image", ""))
            base = other.rpartition("/")[0] + "/" + re.split(r"[:@]", other.rpartition("/")[2])[0]
            if base == repository and other != image:
                return other
    return ""
