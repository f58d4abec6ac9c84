"""Things that happen in clusters, and the words by which evidence tells of them.

A sentence that tells of one of them must cite evidence that does, too.
"""

from __future__ import annotations

import re

from copilot.agent.actions import unrecorded

_CONCEPTS: dict[str, tuple[str, str]] = {
    # what: (how a sentence tells of it, how evidence may tell of it besides)
    "an out-of-memory kill": (r"\boom\b|oom.?kill\w*|out of memory", r"exit ?code[= :]*137|memory cgroup|anon-rss|memory.{0,40}(?:limit|exceed|kill)|killed process"),
    "an eviction": (r"evict\w*", r"preempt\w*"),
    "a network policy": (r"network ?polic\w*", r"netpol|ingress from|egress|policytypes|podselector"),
    "a firewall": (r"firewall\w*", r"iptables|security ?group|nftables|deny|\bacl\b"),
    "DNS": (r"\bdns\b|name resolution", r"no such host|lookup|resolv\w*|nxdomain|servfail|coredns"),
    "a certificate": (r"certificat\w*|\btls\b|x509", r"handshake|notafter|\bcert|\.crt|\.pem|issuer|\bca\b|acme|\bssl\b|unknown_ca"),
    "disk": (r"disk\w*|\binodes?\b", r"no space|ephemeral|volume|storage|filesystem|enospc|iops?|\bpvc?\b|\bfs\b|\bwal\b|osd|nvme|[gt]ib?\b"),
    "throttling": (r"throttl\w*", r"cfs|nr_throttled|rate.?limit|\b429\b|slowdown|too many|provisioned"),
    "a node that is not ready": (r"node\w* (?:\w+ ){0,3}(?:not.?ready|went down|lost|rebooted|crashed)", r"notready|node.*unknown|kubelet stopped"),
    "a reboot": (r"reboot\w*", r"boot id|uptime|kernel|notready"),
    "a drain": (r"\bdrain\w*|cordon\w*", r"unschedulable|schedulingdisabled"),
    "a taint": (r"\btaint\w*", r"toleration"),
    "a quota": (r"quota\w*", r"limitrange|exceeded|forbidden|provisioned|hard"),
    "autoscaling": (r"autoscal\w*|\bhpa\b", r"horizontalpod"),
    "a leader election": (r"leader election|leadership|new leader|\bfailover\b|failed over", r"leader|primary|\belect\w*"),
    "replication": (r"replication (?:lag|fail\w*|broke\w*)", r"replica\w*|follower|standby|behind|lag"),
    "a deadlock": (r"deadlock\w*", r"lock wait"),
    "a panic": (r"\bpanic\w*|segfault\w*|segmentation", r"sigsegv|goroutine|exit ?code[= :]*(?:139|2)\b"),
    "a migration": (r"schema migration|database migration|\bmigrat\w*", r"alembic|flyway|alter table|schema|moved|\bddl\b"),
    "a backup": (r"backup\w*", r"snapshot|dump|archiv|restore"),
    "an attack": (r"attack\w*|ddos|intrus\w*|malicious", r"\bbot|scan\w*|flood|\b401\b"),
    "a rotation": (r"rotat\w*", r"renew\w*|notafter|expir|updated"),
    "a garbage collection": (r"garbage.?collect\w*|\bgc\b", r"heap|pause|jvm|eligible to free"),
    "a feature flag": (r"feature flag\w*|\bflag\b", r"flagd|toggle|variant|rollout"),
    "a helm upgrade": (r"helm (?:upgrade|release)", r"helm"),
    "a maintenance": (r"maintenance", r"window|cordon|drain"),
    "a kernel problem": (r"kernel (?:panic|bug|crash\w*|oops|regression)", r"oops"),
    "a power or hardware failure": (r"power (?:loss|outage|failure|cut)|hardware", r""),
    "a restart": (r"restart(?:ed|s)\b|crash(?:ed|es)\b", r"restart\w*|crash\w*|back-?off|exit\w*|terminat\w*|killing|started|running since|panic|fatal"),
    "a replacement": (r"was replaced|were replaced", r"replac\w*|recreat\w*|creat\w*|->|patch|recreat|re-provision"),
    "an outage of the cloud": (r"cloud (?:provider|outage)|availability zone|\bregion\b", r"zone|region|provider|\baz\b"),
    "a liveness probe": (r"liveness", r"probe|health"),
    "a readiness probe": (r"readiness", r"probe|not ready|0/\d"),
    "a failed pull of an image": (r"(?:image|pull)\w* (?:\w+ ){0,3}(?:pull\w*|fail\w*|not found)|imagepull\w*", r"errimage\w*|pull\w*|manifest"),
    "a rate limit": (r"rate.?limit\w*", r"\b429\b|too many requests|limit|throttl|slowdown"),
    "a lost leader": (r"split.?brain", r""),
    "packet loss": (r"packet loss|packets? (?:were|are) (?:lost|dropped)|dropp\w* packets?", r"loss|dropped|retransmi\w*|timeout|drop"),
    "a token": (r"\btoken\w* (?:\w+ ){0,2}expir\w*|expired token", r"expir\w*|jwt|unauthori|401"),
    "a load balancer": (r"load.?balancer", r"ingress|\belb|\bnlb|haproxy|envoy|endpoints"),
    "a cron job": (r"cron ?job\w*", r"job|schedule"),
}  # fmt: skip
_COMPILED = {
    what: (re.compile(said, re.I), re.compile(f"{said}|{seen}" if seen else said, re.I))
    for what, (said, seen) in _CONCEPTS.items()
}
# Reasons as the cluster writes them: OOMKilled, BackOff, FailedScheduling, NodeNotReady.
_REASON = re.compile(
    r"\b(?:Failed[A-Z]\w+|Err[A-Z]\w+|[A-Z]\w*(?:Killed|BackOff|Exceeded|NotReady|Pressure|Unhealthy|Evicted"
    r"|Unschedulable|Unknown|Unauthorized|Backoff))\b"
)


def foreign(sentence: str, cited: str, *, changes: bool = False) -> list[str]:
    """Return what a sentence tells of as a fact and no text of the evidence does."""
    found = [
        what
        for what, (said, seen) in _COMPILED.items()
        if said.search(sentence) and not seen.search(cited)
    ]
    found += unrecorded(sentence, cited, changes=changes)
    lowered = cited.casefold()
    found += [
        word for word in dict.fromkeys(_REASON.findall(sentence)) if word.casefold() not in lowered
    ]
    return found
