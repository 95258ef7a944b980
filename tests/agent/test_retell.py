"""What a skill did is told again as the model would have been asked, and would have replied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from journeyman.agent.actions import grammar
from journeyman.agent.retell import retold
from journeyman.agent.run import Agent
from journeyman.agent.train_prompts import AgentPrompts
from journeyman.memory.trajectory import Call, Outcome, Step, Task, Trajectory
from journeyman.sandbox.base import Element, View, view_from_json, view_to_json
from journeyman.skills.lora.turns import step_samples

Make = Callable[..., Agent]


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
async def test_a_direct_run_is_told_as_the_model_was_asked_for_the_same(
    make_agent: Make, shop: Any, good: Any, trusted: Any
) -> None:
    agent = make_agent(good)
    task = await agent.task(shop, shop.families()[0], 3)
    asked = await agent.attempt(task, shop, credit=False)
    assert agent.library is not None
    await agent.library.admit(*trusted())
    direct = await agent.attempt(task, shop, credit=False)
    assert direct.outcome.success and direct.model_calls == 0
    assert step_samples(direct, AgentPrompts()) == []
    for one in (direct, asked):
        told = retold(one)
        assert told is not None and told.id == f"{one.id}:retold"
        taught, real = step_samples(told, AgentPrompts()), step_samples(asked, AgentPrompts())
        assert [sample.messages for sample in taught] == [sample.messages for sample in real]


def view(*elements: Element) -> View:
    return View("http://shop.test/", "shop", elements, "")


MENU = Element("tab", "Menu", actions=("click",), checked=False)
NAME = Element("textbox", "Name", actions=("fill",))
BOOK = Element("button", "Book", actions=("click",))
CLOSED = view(MENU, NAME)
FILLED = view(MENU, replace(NAME, value="Ada"))
OPEN = view(replace(MENU, checked=True), replace(NAME, value="Ada"), BOOK)
END = view()


def made(number: int, primitive: str, before: View, **args: Any) -> Call:
    return Call(number, primitive, args, "effect", view=view_to_json(before))


FILL = made(1, "fill", CLOSED, role="textbox", name="Name", text="Ada")
CLICK = made(2, "click", FILLED, role="tab", starts="Me")
LAST = made(3, "click", OPEN, role="button", name="Book")


def done(*calls: Call) -> Trajectory:
    task = Task("t", "Reserve for Ada.", "http://shop.test/")
    step = Step(1, "book(guest='Ada')", "", calls, skills=("book@1",))
    end = view_to_json(END)
    return Trajectory("d", task, (step,), Outcome(True, "check"), final_view=end)


def test_replies_are_cut_where_new_things_come_into_view() -> None:
    told = retold(done(FILL, CLICK, LAST))
    assert told is not None and [step.action for step in told.steps] == [
        'fill("textbox", "Name", "Ada")\nclick("tab", "Menu")',
        'click("button", "Book")',
    ]
    first, second = (step.prompt for step in told.steps)
    assert "Done so far" not in first and first.endswith("Calls:")
    assert 'Done so far:\nfill("textbox", "Name", "Ada")\nclick("tab", "Menu")\n' in second
    assert 'button "Book"  (new)' in second
    assert told.task == done().task and told.outcome.success


def test_something_new_ends_a_reply_also_where_the_next_call_was_in_view_before() -> None:
    before = view(NAME, BOOK)
    after = view(replace(NAME, value="Ada"), BOOK, Element("link", "Ada Byron"))
    fill = made(1, "fill", before, role="textbox", name="Name", text="Ada")
    book = made(2, "click", after, role="button", name="Book")
    told = retold(done(fill, book))
    assert told is not None and len(told.steps) == 2
    assert 'link "Ada Byron"  (new)' in told.steps[1].prompt
    calm = retold(done(fill, replace(book, view=view_to_json(view(NAME, BOOK, NAME)))))
    assert calm is not None and len(calm.steps) == 1


def test_what_failed_changed_nothing_or_only_read_is_not_told() -> None:
    failed = replace(made(4, "click", OPEN, role="button", name="Gone"), error="there is none")
    idle = made(5, "click", OPEN, role="tab", name="Menu")
    read = Call(6, "text", {}, "read")
    last = replace(LAST, sequence=7)
    told = retold(done(FILL, CLICK, failed, idle, read, last))
    plain = retold(done(FILL, CLICK, LAST))
    assert told is not None and plain is not None and told.steps == plain.steps


def test_a_call_made_twice_is_two_replies() -> None:
    more = Element("button", "More", actions=("click",))
    pages = [replace(OPEN, elements=(*OPEN.elements, replace(more, value=str(n)))) for n in (1, 2)]
    told = retold(done(*(made(n, "click", page, role="button", name="More")
                         for n, page in enumerate(pages))))  # fmt: skip
    assert told is not None
    assert [step.action for step in told.steps] == ['click("button", "More")'] * 2


@pytest.mark.parametrize(
    "call",
    [
        made(1, "press", OPEN, key="Enter"),
        made(1, "click", OPEN, role="button", name="Elsewhere"),
        made(1, "click", OPEN, role="tab", name="Menu"),  # it is open
        made(1, "fill", CLOSED, role="textbox", name="Name", text='say "x"'),
        made(1, "fill", CLOSED, role="textbox", name="Name", text="x" * 81),
    ],
)
def test_a_call_that_no_reply_can_make_is_not_told(call: Call) -> None:
    assert retold(done(call)) is None


def test_nothing_done_is_nothing_told() -> None:
    assert retold(done()) is None


def test_where_the_page_does_not_end_by_itself_a_last_reply_says_so() -> None:
    told = retold(done(FILL, CLICK, LAST), ends=False)
    assert told is not None
    assert told.steps[:-1] == retold(done(FILL, CLICK, LAST)).steps  # type: ignore[union-attr]
    assert told.steps[-1].action == "done()"
    assert 'click("button", "Book")\nNext calls:' in told.steps[-1].prompt


def test_every_line_told_is_one_that_the_grammar_offers() -> None:
    told = retold(done(FILL, CLICK, LAST))
    assert told is not None
    lines = [line for step in told.steps for line in step.action.splitlines()]
    for line, call in zip(lines, (FILL, CLICK, LAST), strict=True):
        legal = grammar(view_from_json(call.view), finish=False)
        begins = line.split(', "Ada"')[0].replace('"', '\\"')
        assert begins in legal
