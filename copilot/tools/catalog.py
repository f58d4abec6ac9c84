"""All tools, in the order in which an agent reads of them."""

from __future__ import annotations

from copilot.tools.alerts import get_alerts
from copilot.tools.changes import get_changes
from copilot.tools.connectivity import check_connectivity
from copilot.tools.describe import describe_resource
from copilot.tools.events import get_events
from copilot.tools.exec_shell import exec_shell
from copilot.tools.knowledge import search_knowledge, show_evidence
from copilot.tools.logs import get_logs
from copilot.tools.metrics import get_metrics
from copilot.tools.propose import propose_mitigation, submit
from copilot.tools.resources import list_resources
from copilot.tools.topology import get_topology
from copilot.tools.traces import get_traces

TOOLS = (
    list_resources,
    describe_resource,
    get_events,
    get_logs,
    get_changes,
    check_connectivity,
    get_topology,
    get_metrics,
    get_traces,
    get_alerts,
    exec_shell,
    search_knowledge,
    propose_mitigation,
    show_evidence,
)

ALL_TOOLS = (*TOOLS, submit)
"""With the tool that ends an investigation, for agents that have no other way to answer."""

READ_ONLY = tuple(one for one in ALL_TOOLS if one not in (propose_mitigation, submit))
"""Tools for clients that only look."""
