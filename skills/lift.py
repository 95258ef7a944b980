"""Makes a function of a program that did one task: what the goal named becomes a parameter.

No model is asked. Literals of the program that occur in the goal's slots are lifted, whole or
inside a longer text, as they stand or in a plain variation (case, a file's name without its
ending, a number). Covered: texts, numbers, lists. Not covered: what a program derived from a goal
in another way; the trial on sibling tasks finds those out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from .skill import Template, function_name
from .template import ANNOTATIONS, Binding, Value

CASES = ("lower", "upper", "title", "capitalize")


def lifted(source: str, name: str, template: Template, binding: Binding) -> list[str]:
    """Sources of the function `name`, one a way of lifting; none that leaves a slot unused."""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    found: dict[str, None] = {}
    for numbers in (True, False):
        tree = _Rename(binding).visit(ast.parse(source))
        body = [_Lift(binding, numbers).visit(node) for node in _plain(tree.body)]
        used = {n.id for part in body for n in ast.walk(part) if isinstance(n, ast.Name)}
        if body and not {slot.name for slot in template.slots} - used:
            found.setdefault(_function(name, template, body))
    return list(found)


def _plain(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements a function needs: what runs only in a script is brought up."""
    for node in body:
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            yield from node.body
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            yield node


def _function(name: str, template: Template, body: list[ast.stmt]) -> str:
    goal = template.text.replace("{{", "{").replace("}}", "}")
    parameters = ", ".join(f"{slot.name}: {ANNOTATIONS[slot.kind]}" for slot in template.slots)
    module = ast.parse(f"def {function_name(name)}({parameters}) -> None:\n    pass")
    function = module.body[0]
    assert isinstance(function, ast.FunctionDef)
    doc = ast.Expr(ast.Constant(f"Do what is asked by: {goal}"))
    function.body = [doc, *body]
    return ast.unparse(ast.fix_missing_locations(module)) + "\n"


class _Rename(ast.NodeTransformer):
    """Gives the program's own names another, where a parameter has the same."""

    def __init__(self, taken: Mapping[str, Value]) -> None:
        self._taken = taken

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id += "_own" if node.id in self._taken else ""
        return node

    def visit_alias(self, node: ast.alias) -> ast.alias:
        if (node.asname or node.name) in self._taken:
            node.asname = f"{node.asname or node.name}_own"
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg += "_own" if node.arg in self._taken else ""
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name += "_own" if node.name in self._taken else ""
        return self.generic_visit(node)


class _Lift(ast.NodeTransformer):
    """Puts parameters for literals."""

    def __init__(self, binding: Mapping[str, Value], numbers: bool) -> None:
        self._binding, self._numbers = binding, numbers

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, str):
            return _text(node.value, self._binding) or node
        if type(node.value) is not bool and isinstance(node.value, int | float) and self._numbers:
            return _number(node.value, self._binding) or node
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        parts: list[ast.expr] = []
        for part in node.values:
            if isinstance(part, ast.Constant):
                found = _text(str(part.value), self._binding)
                parts += _pieces(found) if found is not None else [part]
            else:
                parts.append(self.visit(part))
        return ast.JoinedStr(parts)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.expr:
        # A format such as :.2f is a text of the program's own.
        node.value = self.visit(node.value)
        return node

    def visit_List(self, node: ast.List) -> ast.expr:
        return self._listed(node) or self.generic_visit(node)  # type: ignore[return-value]

    def visit_Tuple(self, node: ast.Tuple) -> ast.expr:
        return self._listed(node) or self.generic_visit(node)  # type: ignore[return-value]

    def visit_Set(self, node: ast.Set) -> ast.expr:
        return self._listed(node) or self.generic_visit(node)  # type: ignore[return-value]

    def _listed(self, node: ast.List | ast.Tuple | ast.Set) -> ast.expr | None:
        values = [item.value for item in node.elts if isinstance(item, ast.Constant)]
        if len(values) != len(node.elts) or not values:
            return None
        for slot, value in self._binding.items():
            if isinstance(value, tuple) and list(value) == values:
                kind = {ast.List: "list", ast.Tuple: "tuple", ast.Set: "set"}[type(node)]
                return ast.Call(ast.Name(kind), [ast.Name(slot)], [])
        return None


def _text(text: str, binding: Mapping[str, Value]) -> ast.expr | None:
    """A text of the program in terms of the slots, or None where it holds none of them."""
    for slot, value in binding.items():
        if isinstance(value, str) and value:
            for form, expression in _variations(slot, value):
                if text == form:
                    return expression
    # Longer values first, so that one inside another is not taken for it.
    held = sorted(
        ((value, slot) for slot, value in binding.items() if isinstance(value, str) and value),
        key=lambda pair: -len(pair[0]),
    )
    for value, slot in held:
        match = re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text)
        if match is not None:
            before, after = text[: match.start()], text[match.end() :]
            parts = [*_rest(before, binding), ast.FormattedValue(ast.Name(slot), -1)]
            parts += _rest(after, binding)
            return ast.JoinedStr(parts)
    return None


def _rest(text: str, binding: Mapping[str, Value]) -> list[ast.expr]:
    found = _text(text, binding) if text else None
    return _pieces(found) if found is not None else [ast.Constant(text)] * bool(text)


def _pieces(found: ast.expr) -> list[ast.expr]:
    return found.values if isinstance(found, ast.JoinedStr) else [ast.FormattedValue(found, -1)]


def _variations(slot: str, value: str) -> Iterator[tuple[str, ast.expr]]:
    """What a program may have made of a slot's text, and how it is made again."""
    name = ast.Name(slot)
    yield value, name
    for case in CASES:
        yield getattr(value, case)(), ast.Call(ast.Attribute(name, case), [], [])
    stem, dot, _ = value.rpartition(".")
    if dot and stem:
        first = ast.Call(ast.Attribute(name, "rsplit"), [ast.Constant("."), ast.Constant(1)], [])
        yield stem, ast.Subscript(first, ast.Constant(0))


def _number(number: float, binding: Mapping[str, Value]) -> ast.expr | None:
    kind = type(number).__name__
    for slot, value in binding.items():
        if isinstance(value, int):
            if value == number:
                return ast.Name(slot)
            if value - 1 == number:
                return ast.BinOp(ast.Name(slot), ast.Sub(), ast.Constant(1))
        elif isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
            whole = kind == "float" or "." not in value
            if whole and float(value) == number:
                return ast.Call(ast.Name(kind), [ast.Name(slot)], [])
    return None
