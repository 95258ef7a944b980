"""What counts in the loss: exactly the words of the turns to learn, and the end of each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from journeyman.skills.lora import DatasetError
from journeyman.skills.lora.tokens import Example, digest, tokenise

pytest.importorskip("torch")
pytest.importorskip("peft")


def said(role: str, content: str, train: bool = False) -> SimpleNamespace:
    return SimpleNamespace(role=role, content=content, train=train)


def learnt(base: Any, example: Example) -> str:
    return str(
        base.tokenizer.decode([t for t, c in zip(example.tokens, example.loss, strict=True) if c])
    )


def test_only_the_turns_to_learn_and_their_ends_count(base: Any) -> None:
    turns = [
        said("system", "be brief"),
        said("user", "open the tab"),
        said("assistant", 'click("wrong")'),
        said("user", "nothing happened"),
        said("assistant", 'That was wrong.\nclick("tab")', True),
        said("user", "and now close it"),
        said("assistant", "close()", True),
    ]
    example = tokenise(base.tokenizer, turns)
    assert learnt(base, example) == 'That was wrong.\nclick("tab")<|im_end|>close()<|im_end|>'
    shown = [{"role": turn.role, "content": turn.content} for turn in turns]
    whole = base.tokenizer.apply_chat_template(shown, tokenize=False)
    assert base.tokenizer.decode(example.tokens) == whole


@pytest.mark.parametrize(
    "reply", ["\n\nclick()", " the", "the <|im_end|> twice", "ends \n\n", "ü€"]
)
def test_a_reply_is_cut_from_its_prompt_as_when_the_model_writes_it(base: Any, reply: str) -> None:
    prompt = [said("user", "go")]
    example = tokenise(base.tokenizer, [*prompt, said("assistant", reply, True)])
    asked = base.tokenizer.apply_chat_template(
        [{"role": "user", "content": "go"}], add_generation_prompt=True, return_dict=False
    )
    assert list(example.tokens[: example.first]) == asked
    assert learnt(base, example) == f"{reply}<|im_end|>"


def test_a_template_that_rewrites_earlier_turns_is_refused(base: Any) -> None:
    class Forgetful:
        """Shows the last turn only, as templates that drop earlier thoughts do."""

        def apply_chat_template(self, messages: Any, **_: Any) -> str:
            return f"<|im_start|>{messages[-1]['content']}"

    turns = [said("user", "go"), said("assistant", "a", True), said("user", "more")]
    with pytest.raises(DatasetError, match="rewrites turns"):
        tokenise(Forgetful(), turns)


def test_an_example_has_something_to_learn_and_a_mark_for_each_token() -> None:
    with pytest.raises(DatasetError, match="no token to learn"):
        Example((1, 2), (False, False))
    with pytest.raises(DatasetError, match="give one each"):
        Example((1, 2), (True,))
    with pytest.raises(DatasetError, match="nothing to be predicted from"):
        Example((1, 2), (True, False))


def test_the_digest_tells_marks_and_tokens_apart() -> None:
    made = [Example((1, 2, 3), (False, False, True)), Example((1, 2, 3), (False, True, True))]
    made.append(Example((1, 2, 4), (False, False, True)))
    assert len({digest([example]) for example in made}) == 3
