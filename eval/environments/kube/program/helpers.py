"""The other containers of an app: init containers that wait, jobs that end, sidecars that only listen."""

from __future__ import annotations

import json
import os
import socket
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

from eval.apps.model import App, CronJob, Init, Service

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_WAIT_SECONDS = 2.0


def run_helper(app: App, name: str) -> int | None:
    """Run an init container or a job by its name; None for what is neither."""
    if name in app.cron_jobs:
        return _job(app.cron_jobs[name])
    for service in app.services.values():
        for init in service.init:
            if init.name == name:
                return _wait(init)
    return None


def sidecar(app: App, name: str) -> Service | None:
    """A sidecar as a program, None for another name."""
    for service in app.services.values():
        for one in service.sidecars:
            if one.name == name:
                return Service(name, one.image, ports=one.ports, usage=one.usage)
    return None


def _job(job: CronJob) -> int:
    for line in job.lines:
        print(line, flush=True)
    time.sleep(job.seconds)
    return job.exit_code


def _wait(init: Init) -> int:
    name = init.wait_for or init.reads
    while not (_reached(init) and _readable(init)):
        print(init.waiting.replace("{name}", name), flush=True)
        time.sleep(_WAIT_SECONDS)
    return 0


def _reached(init: Init) -> bool:
    if not init.wait_for:
        return True
    try:
        if init.port:
            socket.create_connection((init.wait_for, init.port), 2).close()
        else:
            socket.getaddrinfo(init.wait_for, None)
    except OSError:
        return False
    return True


def _readable(init: Init) -> bool:
    """Whether the pod's service account may read the ConfigMap."""
    if not init.reads:
        return True
    namespace, token = ((_ACCOUNT / part).read_text("utf-8") for part in ("namespace", "token"))
    host = (
        f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    )
    request = urllib.request.Request(
        f"{host}/api/v1/namespaces/{namespace}/configmaps/{init.reads}",
        headers={"Authorization": f"Bearer {token}"},
    )
    trust = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    try:
        with urllib.request.urlopen(request, timeout=5, context=trust) as answer:
            json.load(answer)
    except urllib.error.HTTPError as error:
        print(json.loads(error.read()).get("message", error.reason), flush=True)
        return False
    except (OSError, ValueError) as error:
        print(error, flush=True)
        return False
    return True
