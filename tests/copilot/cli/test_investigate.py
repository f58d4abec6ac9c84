import asyncio
import json
import re
import signal
from pathlib import Path

import jsonschema
import pytest

from copilot.cli.exits import ExitCode
from tests.copilot.cli.conftest import Terminal

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "report.schema.json").read_text())


async def test_an_incident_is_reported_for_machines(terminal: Terminal, broken: str) -> None:
    done = await terminal.run_script("investigate", "--format", "json")
    assert done.code == ExitCode.INCIDENT, done.stderr
    report = json.loads(done.stdout)
    jsonschema.validate(report, SCHEMA)
    assert report["verdict"] == "incident"
    best = report["root_causes"][0]
    assert best["object"] == {
        "kind": "Service",
        "namespace": "test-social-network",
        "name": broken,
    }
    assert best["cause"] == "service.target_port_mismatch"
    known = {evidence["id"] for evidence in report["evidence"]}
    assert len(best["evidence"]) >= 2
    assert set(best["evidence"]) <= known
    assert report["mitigations"][0]["action"]["type"] == "patch_service_port"
    assert report["pending_approval"].startswith("ap-")
    assert report["pending_approval"] not in done.stderr


async def test_a_healthy_cluster_is_called_healthy(healthy: Terminal) -> None:
    done = await healthy.run("investigate", "--format", "json")
    report = json.loads(done.stdout)
    assert (done.code, report["verdict"]) == (ExitCode.OK, "healthy"), report["summary"]
    assert report["root_causes"] == []
    assert report["pending_approval"] is None


async def test_the_text_names_cause_evidence_and_dry_run(terminal: Terminal, broken: str) -> None:
    done = await terminal.run("investigate")
    assert done.code == ExitCode.INCIDENT
    for heading in ("## Root cause", "## Evidence", "## What to do", "## Dry run"):
        assert heading in done.stdout
    approval = re.search(r"incident-copilot fix (ap-[0-9a-f]+)", done.stdout)
    assert approval is not None
    refused = await terminal.run("fix")
    assert refused.code == ExitCode.NOT_APPROVED
    assert approval[1] in refused.stderr


async def test_an_alert_says_where_to_look(terminal: Terminal, broken: str, tmp_path: Path) -> None:
    alert = tmp_path / "alert.json"
    labels = {
        "alertname": "HighErrorRate",
        "namespace": "test-social-network",
        "service": "nginx-thrift",
    }
    alert.write_text(
        json.dumps({"alerts": [{"labels": labels, "annotations": {"summary": "5xx"}}]})
    )
    done = await terminal.run("investigate", "--format", "json", "--alert", str(alert))
    report = json.loads(done.stdout)
    assert report["scope"]["services"] == ["nginx-thrift"]
    assert report["root_causes"][0]["object"]["name"] == broken


async def test_unknown_and_forbidden_places_are_one_clear_line(terminal: Terminal) -> None:
    unknown = await terminal.run("investigate", "-n", "test-social-netwrk", "--format", "json")
    assert unknown.code == ExitCode.NOT_FOUND
    assert len(unknown.errors) == 1
    assert "test-social-network" in unknown.stderr
    assert json.loads(unknown.stdout)["error"]["exit_code"] == ExitCode.NOT_FOUND
    service = await terminal.run("investigate", "-s", "text-servce", "--format", "json")
    assert service.code == ExitCode.NOT_FOUND
    assert "text-service" in service.stderr
    assert json.loads(service.stdout)["verdict"] == "inconclusive"
    kubeconfig = terminal.folder / "stranger"
    text = terminal.environment.kubeconfig.read_text()
    kubeconfig.write_text(re.sub(r"token: .*", "token: nobody", text))
    forbidden = await terminal.run("investigate", "--kubeconfig", str(kubeconfig))
    assert forbidden.code == ExitCode.FORBIDDEN
    assert len(forbidden.errors) == 1


async def test_without_prometheus_it_still_answers(terminal: Terminal, broken: str) -> None:
    done = await terminal.run(
        "investigate", "--format", "json", INCIDENT_COPILOT_PROMETHEUS__URL="http://127.0.0.1:9"
    )
    report = json.loads(done.stdout)
    assert report["root_causes"][0]["object"]["name"] == broken
    assert any(
        "127.0.0.1:9" in missing or "metrics" in missing for missing in report["missing_sources"]
    )


@pytest.mark.parametrize(
    "command",
    [
        ("ask", "what is wrong with text-service?"),
        pytest.param(("investigate",), marks=pytest.mark.matrix),
    ],
)
async def test_killed_in_the_middle_it_shows_what_it_saw_and_goes_on(
    terminal: Terminal, broken: str, command: tuple[str, ...]
) -> None:
    process = await terminal.start(*command)
    assert process.stderr is not None
    seen: list[str] = []
    async with asyncio.timeout(60):
        while len(seen) < 5:
            line = (await process.stderr.readline()).decode()
            assert line, "it ended before it could be killed"
            seen += re.findall(r"· \[(ev-[0-9a-f]{10})\]", line)
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    listed = await terminal.run("sessions")
    session = listed.stdout.split()[0]
    resumed = await terminal.run("ask", "--session", session)
    assert resumed.code == ExitCode.OK, resumed.stderr
    before, after = resumed.stderr.split("the session stopped here", 1)
    assert set(seen) <= set(re.findall(r"ev-[0-9a-f]{10}", before))
    assert "service.target_port_mismatch" in after
    assert "## Root cause" in resumed.stdout
    # What is asked anew is answered alone, and stdout is one document.
    on = await terminal.run("ask", "--session", session, "hand over", "--format", "json")
    assert json.loads(on.stdout)["session"] == session
    assert f"session {session}" in on.stderr
    assert "the session stopped here" not in on.stderr


async def test_doctor_finds_everything_in_place(terminal: Terminal) -> None:
    done = await terminal.run("doctor", "-n", "test-social-network")
    assert done.code == ExitCode.OK
    assert "FAIL" not in re.sub(r"FAIL  (index|model).*", "", done.stdout)
    assert "built-in runbooks" in done.stdout
