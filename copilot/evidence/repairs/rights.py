"""What only a person may do: give an account its rights back, and a program a new certificate."""

from __future__ import annotations

import re

from copilot.evidence.case import Case
from copilot.evidence.kube import dig, ref_of
from copilot.evidence.mounts import mounts
from copilot.evidence.repairs.common import WORKLOADS, Facts, concerned
from copilot.model.scope import ObjectRef

_DENIED = re.compile(
    r"system:serviceaccount:(?P<space>[\w-]+):(?P<account>[\w.-]+)\\?\"? cannot (?P<verb>\w+) resource"
    r" \\?\"(?P<resource>[\w./-]+)\\?\" in API group \\?\"(?P<group>[\w.-]*)\\?\"(?P<rest>[^\n]{0,40})"
)
_ISSUED = "cert-manager.io/certificate-name"


def denied(case: Case, ref: ObjectRef, facts: Facts) -> list[dict[str, str]]:
    """Return the rights that an account was refused, as the API server's words in logs and events tell them."""
    said = [line.raw for log in case.snapshot.logs for line in log.lines]
    said += [str(event.get("message", "")) for event in case.snapshot.of("Event")]
    names = {ref.name, *(part.rpartition("/")[2] for part in str(facts.get("also", "")).split(","))}
    found = {}
    for text in said:
        match = _DENIED.search(text)
        if match and match["space"] in (ref.namespace, "") and match["account"] in names:
            right = {**match.groupdict(), "everywhere": "cluster scope" in match["rest"]}
            found[match["verb"], match["resource"], match["group"]] = {
                k: str(v or "") for k, v in right.items()
            }
    return list(found.values())


def bind(case: Case, ref: ObjectRef, facts: Facts) -> str:
    """Return the commands that bind a Role to the account again, made anew if that is gone, and that check it."""
    rights = denied(case, ref, facts)
    space = ref.namespace
    if not rights:
        return (
            f"kubectl create rolebinding {ref.name} -n {space} --role={ref.name}"
            f" --serviceaccount={space}:{ref.name}"
        )
    account = rights[0]["account"]
    wide = "cluster" * any(r["everywhere"] == "True" for r in rights)
    where = "" if wide else f" -n {space}"
    verbs = ",".join(sorted({r["verb"] for r in rights}))
    resources = ",".join(
        sorted({r["resource"] + (f".{r['group']}" if r["group"] else "") for r in rights})
    )
    who = f"system:serviceaccount:{space}:{account}"
    return (
        f"kubectl get {wide}role {account}{where} || kubectl create {wide}role {account}{where} --verb={verbs} --resource={resources}\n"
        f"kubectl create {wide}rolebinding {account}{where} --{wide}role={account} --serviceaccount={space}:{account}\n"
        f"kubectl auth can-i {rights[0]['verb']} {resources.partition(',')[0]}{where} --as={who}"
    )


def why(case: Case, ref: ObjectRef, facts: Facts) -> str:
    """Return what a person should do about refused rights; "" where the refusal was not read."""
    rights = denied(case, ref, facts)
    if not rights:
        return ""
    asked = ", ".join(sorted({f"{r['verb']} {r['resource']}" for r in rights}))
    return f"Bind service account {rights[0]['account']} again to a Role that lets it {asked}. It was refused just that"


def renew(case: Case, ref: ObjectRef, facts: Facts) -> str:
    """Return the commands that put a new certificate in its Secret, and restart who presents it."""
    space = ref.namespace
    users = concerned(case, ref, facts)
    names = [ref.name] if ref.kind == "Secret" else _mounted(case, users)
    name = next(iter(names), "<secret>")
    secret = case.snapshot.get(ObjectRef("Secret", space, name))
    issued = dig(secret, "metadata.annotations", {}) or {}
    if _ISSUED in issued:
        renewed = f"cmctl renew {issued[_ISSUED]} -n {space}"
    else:
        renewed = (
            f"kubectl create secret tls {name} -n {space} --cert=<new.crt> --key=<new.key>"
            " --dry-run=client -o yaml | kubectl apply -f -"
        )
    readers = [
        w
        for w in map(ref_of, case.snapshot.workloads)
        if w.kind in WORKLOADS and w.namespace == space and name in _mounted(case, [w])
    ]
    again = [
        f"kubectl rollout restart {w.kind.lower()}/{w.name} -n {space}"
        for w in (readers or users[:1])[:3]
    ]
    return "\n".join([renewed, *again])


def _mounted(case: Case, workloads: list[ObjectRef]) -> list[str]:
    """Return the names of the Secrets that workloads mount, those that sound like certificates first."""
    found = {
        mount.holder.name
        for w in workloads
        for mount in mounts(w.namespace, case.snapshot.spec(w))
        if mount.holder.kind == "Secret"
    }
    return sorted(found, key=lambda name: (not re.search(r"tls|cert|ssl", name), name))
