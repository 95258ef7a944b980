"""Repositories: a small package whose tests fail, to be mended, completed, renamed or run.

What the package then answers is asked by a probe: every function, on more than its tests try.
"""

from __future__ import annotations

import ast
import json
import random
import re
from collections.abc import Mapping, Sequence

from ....sandbox.base import Json
from . import expect
from .base import Check, Chore, Files, Kind, Probe
from .catalogue import PROJECTS
from .project import Function, Project
from .words import PARTS

ASK = """\
import importlib, json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, "")
def ask(module, name, arguments):
    try:
        held = getattr(importlib.import_module(module), name)
        return ["gave", held(*arguments) if callable(held) else held]
    except Exception as error:
        return ["raised", type(error).__name__]
answers = [ask(*question) for question in json.loads({questions!r})]
json.loads(json.dumps(answers))
"""

Trials = Sequence[tuple[Function, tuple[Json, ...]]]


def _trials(project: Project, rng: random.Random, many: int) -> Trials:
    """Each function of a project with arguments to try it on."""
    return [
        (function, arguments)
        for function in project.functions
        for arguments in (*function.telling, *(function.draw(rng) for _ in range(many)))
    ]


def _answers(name: str, questions: Sequence[tuple[str, str, Json]], right: Sequence[Json]) -> Probe:
    """The package answers these questions (module, name, arguments) so."""

    def check(answer: Json) -> str | None:
        if not isinstance(answer, list):
            return f"the package {name} cannot be used"
        if expect.unlike(answer, [["gave", one] for one in right]) is not None:
            return f"the package {name} does not do what it should, in ways its tests may not try"
        return None

    return Probe((f"{name}/*.py",), ASK.format(questions=json.dumps(list(questions))), check)


def _works(project: Project, rng: random.Random, renamed: Mapping[str, str] | None = None) -> Probe:
    """All functions answer as ours do, some under other names."""
    trials, names = _trials(project, rng, 6), renamed or {}
    questions = [
        (f"{project.name}.{one.module}", names.get(one.name, one.name), list(arguments))
        for one, arguments in trials
    ]
    return _answers(project.name, questions, [one.call(*arguments) for one, arguments in trials])


def _tests(project: Project, trials: Trials, wrong: Sequence[str] = ()) -> dict[str, bytes]:
    """A file of tests for each module; those named in `wrong` demand what is not right."""
    files = {"tests/__init__.py": b""}
    for module in dict.fromkeys(function.module for function, _ in trials):
        own = [trial for trial in trials if trial[0].module == module]
        names = ", ".join(sorted({function.name for function, _ in own}))
        lines = [
            "import unittest", "", f"from {project.name}.{module} import {names}", "", "",
            f"class {module.title()}Test(unittest.TestCase):",
        ]  # fmt: skip
        seen: dict[str, int] = {}
        for function, arguments in own:
            seen[function.name] = seen.get(function.name, 0) + 1
            test = f"test_{function.name}_{seen[function.name]}"
            right = function.call(*arguments)
            shown = repr(_off(right) if test in wrong else right)
            called = f"{function.name}({', '.join(map(repr, arguments))})"
            lines += [f"    def {test}(self):", f"        self.assertEqual({called}, {shown})", ""]
        files[f"tests/test_{module}.py"] = "\n".join(lines).encode()
    return files


def _off(value: Json) -> Json:
    """A value like this one that is another."""
    match value:
        case str():
            return value[1:] or "a"
        case list():
            return value[1:] or ["rope"]
        case dict():
            return dict([*value.items()][1:]) or {"rope": 1}
    return value + 1


def _encoded(sources: Mapping[str, str]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in sources.items()}


def _kept(tests: Files) -> Check:
    return expect.same(tests, "{path} was to be left as it was")


def _damaged(rng: random.Random) -> tuple[Project, dict[str, str], str]:
    """A project, its sources with one mistake, and the path of the mistake."""
    project = rng.choice(PROJECTS)
    bug, sources = rng.choice(project.bugs), project.sources()
    path = f"{project.name}/{bug.module}.py"
    sources[path] = sources[path].replace(bug.right, bug.wrong, 1)
    return project, sources, path


def fix_module(rng: random.Random) -> Chore:
    project, sources, path = _damaged(rng)
    tests = _tests(project, _trials(project, rng, 2))
    return Chore(
        f"Make the tests in tests/ pass by fixing {path}; do not change the tests.",
        {**_encoded(sources), **tests},
        _kept(tests),
        _works(project, rng),
    )


def fix_package(rng: random.Random) -> Chore:
    project, sources, _ = _damaged(rng)
    tests = _tests(project, _trials(project, rng, 2))
    return Chore(
        f"The package {project.name} has a mistake that makes tests in tests/ fail: correct it, "
        "and leave the tests as they are.",
        {**_encoded(sources), **tests},
        _kept(tests),
        _works(project, rng),
    )


def _hollow(source: str, name: str) -> str:
    """The source with the function's body taken out, but for its docstring."""
    found = ast.parse(source).body
    node = next(one for one in found if isinstance(one, ast.FunctionDef) and one.name == name)
    lines = source.splitlines()
    lines[node.body[1].lineno - 1 : node.end_lineno] = ["    raise NotImplementedError"]
    return "\n".join(lines) + "\n"


def write_function(rng: random.Random) -> Chore:
    project = rng.choice(PROJECTS)
    function, sources = rng.choice(project.functions), project.sources()
    path = f"{project.name}/{function.module}.py"
    sources[path] = _hollow(sources[path], function.name)
    tests = _tests(project, _trials(project, rng, 2))
    return Chore(
        f"Write the body of the function {function.name} in {path} as its docstring says, so that "
        "the tests in tests/ pass; do not change the tests.",
        {**_encoded(sources), **tests},
        _kept(tests),
        _works(project, rng),
    )


def rename_function(rng: random.Random) -> Chore:
    project = rng.choice(PROJECTS)
    function, sources = rng.choice(project.functions), project.sources()
    old, new = function.name, function.other
    word = re.compile(rf"\b{old}\b".encode())
    tests = {
        path: word.sub(new.encode(), data)
        for path, data in _tests(project, _trials(project, rng, 2)).items()
    }

    def gone(files: Files) -> str | None:
        own = [data for path, data in files.items() if path in sources]
        return f"{old} is still spoken of" if any(map(word.search, own)) else None

    return Chore(
        f"Rename the function {old} of the package {project.name} to {new} wherever the package "
        "names it, as the tests in tests/ already do.",
        {**_encoded(sources), **tests},
        expect.all_of(_kept(tests), gone),
        _works(project, rng, {old: new}),
    )


def set_constant(rng: random.Random) -> Chore:
    project = rng.choice(PROJECTS)
    constants = project.constants()
    name = rng.choice(list(constants))
    constants[name] += rng.randint(1, 2000)
    module = f"{project.name}.settings"
    checks = [f"        self.assertEqual(settings.{key}, {n})" for key, n in constants.items()]
    test = [
        "import unittest", "", f"from {project.name} import settings", "", "",
        "class SettingsTest(unittest.TestCase):", "    def test_settings(self):", *checks, "",
    ]  # fmt: skip
    tests = {"tests/__init__.py": b"", "tests/test_settings.py": "\n".join(test).encode()}
    return Chore(
        f"Set {name} to {constants[name]} in {project.name}/settings.py, so that the tests in "
        "tests/ pass.",
        {**_encoded(project.sources()), **tests},
        _kept(tests),
        _answers(project.name, [(module, key, []) for key in constants], list(constants.values())),
    )


def failing_tests(rng: random.Random) -> Chore:
    project, out = rng.choice(PROJECTS), rng.choice(PARTS)
    trials = _trials(project, rng, 2)
    names = re.findall(rb"def (test_\w+)", b"".join(_tests(project, trials).values()))
    wrong = sorted(name.decode() for name in rng.sample(names, rng.randint(2, 5)))
    return Chore(
        f"Run the tests in tests/ and write the names of the test functions that fail to {out}.txt"
        ", one a line and sorted.",
        {**_encoded(project.sources()), **_tests(project, trials, wrong)},
        expect.lines(f"{out}.txt", wrong),
    )


KINDS = (
    Kind("repo-fix-module", fix_module),
    Kind("repo-fix-package", fix_package, ("repo-fix-module",)),
    Kind("repo-write-function", write_function),
    Kind("repo-rename-function", rename_function),
    Kind("repo-set-constant", set_constant),
    Kind("repo-failing-tests", failing_tests),
)
