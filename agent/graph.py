"""Wires the nodes: recall -> plan -> act -> judge -> (act | reflect -> plan | learn) -> end.

The only file that imports langgraph. The compiled graph is an ordinary LangGraph graph.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from .act import act
from .judge import judge
from .learn import learn
from .parts import Parts
from .plan import plan
from .recall import recall
from .reflect import reflect
from .state import AgentState, Update

Node = Callable[[AgentState, Parts], Awaitable[Update]]
Graph = CompiledStateGraph[AgentState, None, AgentState, AgentState]


def build(parts: Parts, checkpointer: BaseCheckpointSaver[str] | None = None) -> Graph:
    """Compile the graph around its live parts."""
    graph = StateGraph(AgentState)
    nodes: dict[str, Node] = {
        "recall": recall, "plan": plan, "act": act,
        "judge": judge, "reflect": reflect, "learn": learn,
    }  # fmt: skip
    for name, node in nodes.items():
        graph.add_node(name, _with(node, parts))
    graph.add_edge(START, "recall")
    graph.add_edge("recall", "plan")
    graph.add_edge("plan", "act")
    graph.add_edge("act", "judge")
    graph.add_conditional_edges("judge", after_judge, ["act", "reflect", "learn"])
    graph.add_edge("reflect", "plan")
    graph.add_edge("learn", END)
    return graph.compile(checkpointer=checkpointer)


def after_judge(state: AgentState) -> str:
    """Go on, try again, or end."""
    if not state.finished:
        return "act"
    if state.success is False and state.attempt < state.attempts:
        return "reflect"
    return "learn"


def _with(node: Node, parts: Parts) -> Any:
    async def run(state: AgentState) -> Update:
        return await node(state, parts)

    return run


@asynccontextmanager
async def checkpoints(path: Path) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """A checkpoint file that holds plain values only: strict msgpack, with no module allowed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        saver.serde = JsonPlusSerializer(
            allowed_msgpack_modules=[("journeyman.agent.state", "AgentState")]
        )
        await saver.conn.execute("PRAGMA synchronous=NORMAL")
        yield saver
