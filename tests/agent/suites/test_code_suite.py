"""The programming suite: what chores are, without running any."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.agent.suites import UnknownSuite
from journeyman.agent.suites.code import KINDS, Chore, Probe, chore, verdict
from journeyman.agent.suites.code.base import LARGEST
from journeyman.agent.suites.code.catalogue import PROJECTS
from journeyman.agent.suites.code.project import Project
from journeyman.sandbox.base import Json
from journeyman.sandbox.entries import refuse_path
from journeyman.skills.template import forms, parse, template_of

kinds = pytest.mark.parametrize("kind", KINDS)


def test_there_are_eight_groups_of_five_kinds_and_more() -> None:
    groups = Counter(kind.group for kind in KINDS.values())
    assert set(groups) == {"text", "table", "date", "json", "csv", "sql", "archive", "repo"}
    assert min(groups.values()) >= 5
    assert len(KINDS) >= 40


def test_ten_kinds_and_more_build_on_others() -> None:
    composite = [kind for kind in KINDS.values() if kind.builds_on]
    assert len(composite) >= 10
    assert all(name in KINDS for kind in composite for name in kind.builds_on)


def test_an_unknown_kind_is_told_what_is_near() -> None:
    with pytest.raises(UnknownSuite, match="did you mean csv-sum-column"):
        chore("csv-sum-colum", 0)


@kinds
def test_a_seed_makes_one_chore(kind: str) -> None:
    for seed in (-7, 0, 12, 10**30):
        first, again = chore(kind, seed), chore(kind, seed)
        assert (first.goal, first.files) == (again.goal, again.files)
        assert list(first.files) == list(again.files)


@kinds
def test_seeds_make_different_chores(kind: str) -> None:
    made = [chore(kind, seed) for seed in range(30)]
    assert len({(one.goal, *one.files.items()) for one in made}) == 30
    assert len({one.goal for one in made}) > (0 if kind == "repo-failing-tests" else 3)


@kinds
def test_the_form_of_a_few_goals_binds_all_others_of_the_kind(kind: str) -> None:
    made = forms([chore(kind, seed).goal for seed in range(4)])
    assert len(made) == 1, [form.goals[0] for form in made]
    template = template_of(made[0])
    assert template is not None
    for seed in range(100, 140):
        assert parse(template, chore(kind, seed).goal), (template.text, chore(kind, seed).goal)


@kinds
def test_start_files_can_be_put_into_a_sandbox_and_are_small(kind: str) -> None:
    for seed in range(10):
        files = chore(kind, seed).files
        assert files
        assert not any(map(refuse_path, files))
        assert sum(map(len, files.values())) < LARGEST / 10


@kinds
def test_no_bytes_disturb_a_check(kind: str) -> None:
    made = chore(kind, 1)
    names = [word.strip(",.:;") for word in made.goal.split()]

    @settings(max_examples=25, deadline=None)
    @given(st.binary(max_size=200))
    def whatever(data: bytes) -> None:
        assert made.check(dict.fromkeys(names, data)) is not None or made.probe is not None

    whatever()


ODD = (None, True, 0, -1.5, "", "x", {}, [], [[]], [None], [[], []], [[1, 2], [3]], [["gave", 1]])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if chore(kind, 1).probe])
def test_no_answer_disturbs_a_probe(kind: str) -> None:
    probe = chore(kind, 1).probe
    assert probe is not None
    for answer in ODD:
        assert isinstance(probe.check(answer), str), answer


async def test_a_probe_is_given_only_what_it_takes_and_asked_after_the_check() -> None:
    given: list[dict[str, bytes]] = []

    async def ask(code: str, files: object) -> Json:
        given.append(dict(files))  # type: ignore[call-overload]
        return 5

    probe = Probe(("shop/*.py",), "5", lambda answer: None if answer == 5 else "not 5")
    fine = Chore("Do it.", {}, lambda files: None, probe)
    refused = Chore("Do it.", {}, lambda files: "no", probe)
    files = {"shop/a.py": b"1", "shop/b.pyc": b"2", "tests/test_a.py": b"3"}
    assert await verdict(refused, files, ask) == "no"
    assert given == []
    assert await verdict(fine, files, ask) is None
    assert given == [{"shop/a.py": b"1"}]
    large = {**files, "shop/a.py": b" " * (LARGEST + 1)}
    assert await verdict(fine, large, ask) == "shop/a.py is far larger than it should be"
    assert len(given) == 1


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_each_mistake_has_one_place(project: Project) -> None:
    for bug in project.bugs:
        source = project.sources()[f"{project.name}/{bug.module}.py"]
        assert source.count(bug.right) == 1, bug
