"""What a program's or its store's own words decide: which login, which setting, whose disk, whose names."""

from __future__ import annotations

import pytest

from connectors.api.values import Json
from copilot.model.diagnosis import Verdict
from tests.copilot.evidence.reasoned import complain, failing, first, reasoned, shop
from tests.copilot.evidence.worlds import SPACE, World, ago

REFUSED = 'FATAL:  password authentication failed for user "orders"'


def specs(world: World, name: str) -> list[Json]:
    template = world.get("Deployment", name)["spec"]["template"]["spec"]
    return [template, world.get("Pod", f"{name}-abc12-x1")["spec"]]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('FATAL: role "orders" does not exist', "orders-db database.user_missing"),
        ("ERROR: permission denied for table orders", "orders-db database.login_revoked"),
        ('FATAL: role "orders" is not permitted to log in', "orders-db database.login_revoked"),
        ("FATAL: sorry, too many clients already", "orders-db database.connection_limit"),
        ("ERROR: canceling statement due to lock timeout", "orders-db database.lock_contention"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "cache database.memory_full"),
        ("ERROR: could not extend file: No space left on device", "orders-db storage.disk_full"),
        ("WRONGPASS invalid username-password pair", "orders database.wrong_password"),
        ("Error: connect EADDRNOTAVAIL 10.0.0.4:5432", "orders node.resource_exhausted"),
        ("accept4: too many open files; retrying in 1s", "orders node.resource_exhausted"),
        ("fork: retry: Resource temporarily unavailable", "orders node.resource_exhausted"),
        ("HikariPool-1 - Connection is not available, request timed out after 30000ms.",
         "orders dependency.pool_exhausted"),
        ("token used before issued", "orders node.clock_skew"),
        ("Error deserializing key/value for partition orders-0 at offset 12", "orders queue.poison_message"),
        ('pods is forbidden: User "system:serviceaccount:shop:agent" cannot list resource "pods"',
         "agent security.rbac_denied"),
    ],
)  # fmt: skip
def test_a_complaint_names_place_and_cause(line: str, expected: str) -> None:
    world = shop()
    complain(world, "orders", line)
    assert first(reasoned(world, failing("web", "orders"))) == expected


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ('DETAIL:  Role "orders" does not exist.', "orders-db database.user_missing"),
        ('DETAIL:  Password does not match for user "orders".', "orders database.wrong_password"),
    ],
)
def test_the_store_s_log_tells_a_wrong_password_from_a_missing_user(
    detail: str, expected: str
) -> None:
    world = shop()
    complain(world, "orders", REFUSED)
    world.log(
        "orders-db",
        (4000, "ready"),
        *[(20.0 * n, line) for n in range(8, 0, -1) for line in (REFUSED, detail)],
    )
    assert first(reasoned(world, failing("web", "orders"))) == expected


def test_where_nothing_tells_them_apart_both_are_named() -> None:
    world = shop()
    complain(world, "orders", REFUSED)
    found = reasoned(world, failing("web", "orders")).candidates
    assert [c.cause for c in found[:2]] == ["database.wrong_password", "database.user_missing"]


def test_a_client_that_was_given_another_user_is_the_place() -> None:
    world = shop()
    for spec in specs(world, "orders"):
        spec["containers"][0]["envFrom"] = [{"secretRef": {"name": "login"}}]
    edit = {"manager": "kubectl", "time": ago(300), "fieldsV1": {"f:data": {}}}
    world.add("Secret", "login", data={}, metadata={"managedFields": [edit]})
    complain(world, "orders", 'FATAL: role "orders_ro" does not exist')
    assert first(reasoned(world, failing("web", "orders"))) == "orders database.user_missing"


def test_waiting_for_locks_explains_too_many_connections() -> None:
    world = shop()
    waiting = "process 149 still waiting for AccessShareLock on relation 16402 after 1000.123 ms"
    lines = [
        (20.0 * n, line)
        for n in range(8, 0, -1)
        for line in (waiting, "FATAL: sorry, too many clients already")
    ]
    world.log("orders-db", (4000, "ready"), *lines)
    complain(world, "orders", "FATAL: sorry, too many clients already")
    assert first(reasoned(world, failing("web", "orders"))) == "orders-db database.lock_contention"


def crashed(line: str, code: int = 1) -> World:
    world = shop()
    world.crash("orders", code)
    world.log("orders", (70, "starting"), (60, line), previous=True)
    return world


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("DATABASE_URL is not set", "orders config.env_wrong"),
        ("exec /app/server: exec format error", "orders image.wrong_architecture"),
        ("sh: 1: serve: not found", "orders workload.bad_command"),
        ("dial tcp 10.0.0.4:5432: connect: connection refused", "orders-db dependency.unreachable"),
        ("panic: runtime error: index out of range", "orders workload.crash_on_start"),
        ("OpenBLAS: pthread_create failed", "orders node.resource_exhausted"),
    ],
)
def test_last_words_beat_a_bare_crash(line: str, expected: str) -> None:
    assert first(reasoned(crashed(line), failing("web"))) == expected


@pytest.mark.parametrize(
    ("line", "context"),
    [
        ("mkdir: cannot create directory '/data': Permission denied", {"runAsUser": 1000}),
        ("OSError: [Errno 30] Read-only file system: '/tmp/x'", {"readOnlyRootFilesystem": True}),
    ],
)
def test_a_security_context_that_forbids_it_is_the_cause(line: str, context: Json) -> None:
    world = crashed(line)
    for spec in specs(world, "orders"):
        spec["containers"][0]["securityContext"] = context
    assert first(reasoned(world, failing("web"))) == "orders security.pod_security"


@pytest.mark.parametrize("held", [True, False])
def test_a_bad_value_is_where_it_is_written(held: bool) -> None:
    world = crashed("ValueError: invalid literal for int() with base 10: 'many'")
    for spec in specs(world, "orders"):
        container = spec["containers"][0]
        if held:
            container["envFrom"] = [{"configMapRef": {"name": "tuning"}}]
        else:
            container["env"] = [*container["env"], {"name": "WORKERS", "value": "many"}]
    world.add("ConfigMap", "tuning", data={"WORKERS": "many"})
    wanted = "tuning config.value_wrong" if held else "orders config.env_wrong"
    assert first(reasoned(world, failing("web"))) == wanted


@pytest.mark.parametrize(
    "setting", [{"dnsPolicy": "Default"}, {"dnsConfig": {"nameservers": ["1.1.1.1"]}}]
)
def test_own_name_servers_are_the_program_s_own_cause(setting: Json) -> None:
    world = shop()
    for spec in specs(world, "orders"):
        spec |= setting
    complain(world, "orders", "getaddrinfo ENOTFOUND orders-db")
    assert first(reasoned(world, failing("web", "orders"))) == "orders network.dns"


def test_names_that_nobody_resolves_are_the_cluster_s_dns() -> None:
    world = shop()
    complain(world, "orders", "dial tcp: lookup orders-db on 10.96.0.10:53: i/o timeout")
    complain(world, "web", "getaddrinfo EAI_AGAIN orders")
    assert first(reasoned(world, failing("web", "orders"))) == "coredns network.dns"


def test_a_removed_container_s_log_is_no_log() -> None:
    world = crashed("unable to retrieve container logs for containerd://c51751057e")
    report = reasoned(world, failing("web"))
    assert report.verdict is Verdict.INCIDENT
    assert not any("unable to retrieve" in e.excerpt for e in report.case.ledger.all())


def test_a_job_that_fails_for_its_store_is_a_victim() -> None:
    world = shop()
    status = {
        "conditions": [
            {"type": "Failed", "status": "True", "lastTransitionTime": ago(60), "message": "limit"}
        ]
    }
    world.add("Job", "report-1", status=status)
    world.add("Pod", "report-1-x", spec={"containers": [{"name": "report", "image": "reg/report:1"}]},
              metadata={"ownerReferences": [{"kind": "Job", "name": "report-1", "controller": True}]},
              status={"phase": "Failed", "containerStatuses": [
                  {"name": "report", "state": {"terminated": {"exitCode": 1, "finishedAt": ago(60)}}}]})  # fmt: skip
    text = 'could not connect to server: FATAL: role "orders" does not exist'
    world.logs[f"{SPACE}/report-1-x/report/current"] = f"{ago(61)} {text}"
    complain(world, "orders", 'FATAL: role "orders" does not exist')
    found = reasoned(world, failing("web", "orders"))
    assert first(found) == "orders-db database.user_missing"
