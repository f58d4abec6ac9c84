"""A client script as the reference's users write them: only the documented imports and methods."""

import asyncio
import json
import sys

from aiopslab.orchestrator import Orchestrator
from aiopslab.orchestrator.problems.registry import ProblemRegistry
from aiopslab.paths import RESULTS_DIR
from aiopslab.session import Session, SessionItem
from aiopslab.utils.actions import action, get_actions, read, write
from aiopslab.utils.status import InvalidActionError, ResponseParsingError, SubmissionStatus


class Agent:
    """Tries each kind of answer, then submits."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.script = [
            'Two blocks:\n```\nget_logs("a", "b")\n```\n```\nsubmit("No")\n```',
            "```python\nsubmit('No')\n```",
            "I look first.\n```\nno_such_action()\n```",
        ]

    def init_context(self, problem_desc: str, instructions: str, apis: dict[str, str]) -> None:
        """Split the actions as the reference's agents do, and begin a history."""
        shell = {name: text for name, text in apis.items() if "exec_shell" in name}
        submit = {name: text for name, text in apis.items() if "submit" in name}
        rest = {name: text for name, text in apis.items() if name not in {**shell, **submit}}
        assert shell and submit and {"get_logs", "get_metrics", "get_traces"} <= set(rest)
        namespace = problem_desc.split("Namespace: ")[1].split()[0]
        self.script += [
            f'```\nget_metrics("{namespace}", 5)\n```',
            f'```\nexec_shell("kubectl get pods -n {namespace}")\n```',
            '```\nsubmit("Yes")\n```',
        ]
        self.system = problem_desc + instructions + json.dumps(apis)

    async def get_action(self, input: str) -> str:
        """Answer a state."""
        self.heard.append(input)
        return self.script.pop(0)


def main() -> None:
    """Play one problem and print what came of it."""
    assert SubmissionStatus.VALID_SUBMISSION.value == 1 and action and read and write
    assert issubclass(InvalidActionError, Exception) and issubclass(ResponseParsingError, Exception)
    assert set(get_actions("detection")) >= {"submit"} and Session and SessionItem
    assert len(ProblemRegistry().get_problem_ids()) == 89
    agent = Agent()
    orchestrator = Orchestrator(results_dir=sys.argv[2])
    orchestrator.register_agent(agent, name="scripted")
    context = orchestrator.init_problem(sys.argv[1])
    agent.init_context(*context)
    found = asyncio.run(orchestrator.start_problem(max_steps=10))
    print(
        json.dumps(
            {
                "results": found["results"],
                "final": found["final_state"].name,
                "heard": agent.heard,
                "roles": [item.role for item in found["history"]],
                "default": str(RESULTS_DIR),
            }
        )
    )


if __name__ == "__main__":
    main()
