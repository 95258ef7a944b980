"""Where the literals of an attempt came from: what a page put into the agent's mouth taints it.

Covered: addresses that neither the goal names nor the task's site holds. Not covered yet:
recipients, and files that are given to a page. A secret's placeholder taints nothing, whoever said
it: it is typed on the secret's own domains alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from ..memory.trajectory import Call, Task


def taint_of(task: Task, calls: Iterable[Call]) -> str:
    """Why no skill may come of these calls without a person's review; empty when nothing speaks."""
    home = urlsplit(task.url).netloc
    for call in calls:
        url = str(call.args.get("url", "")) if call.primitive == "open_url" else ""
        if url and urlsplit(url).netloc != home and url not in task.goal:
            return f"it went to {url[:200]}, which is neither in the goal nor on the task's site"
    return ""
