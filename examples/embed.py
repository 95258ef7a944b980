"""Embed Journeyman: give it a goal on a page, look at what it did, say whether it worked."""

import asyncio

from journeyman import Agent, Trajectory


async def book(agent: Agent, guest: str, page: str = "examples/site/index.html") -> Trajectory:
    async with agent:
        run = await agent.run(f"Book a table for {guest}.", page)
        print(f"{len(run.steps)} steps, {run.model_calls} model calls, {run.tokens} tokens")
        await agent.feedback(run.id, worked="Booked" in run.final_view)
        return run


if __name__ == "__main__":
    asyncio.run(book(Agent(), "Ada"))
