"""From a typed question to a verified fix: the real core on an emulated cluster, the real app."""

from pathlib import Path

from textual.widgets import Input, Markdown, Static

from copilot.config.settings import (
    ClusterSection,
    KnowledgeSection,
    ModelSection,
    PrometheusSection,
    Settings,
    StateSection,
)
from copilot.sessions.assemble import assemble
from eval.environments.emulator.environment import Emulator
from eval.faults.registry import fault
from tui.app import CopilotApp
from tui.approval import ApprovalDialog


async def test_ask_approve_verified(tmp_path: Path) -> None:
    environment = await Emulator.start("social_network", warmup_seconds=600)
    try:
        await fault("wrong_image", environment.app).inject(environment, "text-service")
        await environment.clock.sleep(240)
        settings = Settings(
            cluster=ClusterSection(
                kubeconfig=environment.kubeconfig, namespaces=(environment.namespace,)
            ),
            prometheus=PrometheusSection(url=environment.prometheus_url),
            knowledge=KnowledgeSection(builtin=False),
            state=StateSection(folder=tmp_path),
            model=ModelSection(enabled=False),
        )
        async with assemble(settings, clock=environment.clock) as copilot:
            app = CopilotApp(copilot.start())
            async with app.run_test(size=(140, 45)) as pilot:
                await pilot.click(Input)
                await pilot.press(*"why?", "enter")
                await app.workers.wait_for_complete()
                await pilot.pause()
                answer = app.screen_stack[0].query(Markdown).last().source
                assert "image" in answer
                assert "## Evidence" in answer
                assert isinstance(app.screen, ApprovalDialog)
                await pilot.press("a")
                await app.workers.wait_for_complete()
                await pilot.pause()
                shown = "\n".join(str(w.render()) for w in app.query(Static))
                assert "Verified: the symptom is gone" in shown
    finally:
        await environment.close()
