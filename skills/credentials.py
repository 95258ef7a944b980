"""Secrets in a program's texts: a skill names a placeholder, and never holds one.

Covered: the values of the secrets that this agent has, the forms of common keys and tokens, long
mixed texts, and any text typed into a field whose name asks for a secret. Not covered: a secret put
together from parts.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter

from ..sandbox.secrets import PLACEHOLDER, Secrets

SECRETS = re.compile(
    r"\b(sk|pk|rk)[-_](live|test|proj|ant)?[-_]?[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}"
    r"|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bxox[abprs]-[\w-]{10,}|\b(AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bAIza[\w-]{30,}|-----BEGIN [A-Z ]*PRIVATE KEY|\beyJ[\w-]{8,}\.[\w-]{8,}\."
    r"|\bhf_[A-Za-z]{20,}"
    r"|\bBearer\s+[\w.-]{16,}|://[^/\s:@]+:[^/\s:@]+@"
)
SECRET_FIELD = re.compile(r"pass(word|wd|phrase|code)|secret|token|api.?key|\bpin\b|cvv", re.I)


def secret_refusals(tree: ast.Module, secrets: Secrets) -> list[str]:
    """Which lines hold a secret, or what looks like one, as sentences."""
    texts = {
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    found = {line for line, text in texts if secrets.shows(text) or _looks_secret(text)}
    found |= {
        node.lineno for node in ast.walk(tree) if isinstance(node, ast.Call) and _types_secret(node)
    }
    return [
        f"line {line}: a text looks like a secret: take it as a parameter or name a placeholder"
        " such as <secret:shop-password>"
        for line in sorted(found)
    ]


def _looks_secret(text: str) -> bool:
    if PLACEHOLDER.fullmatch(text):
        return False
    if SECRETS.search(text):
        return True
    mixed = all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return bool(mixed and re.fullmatch(r"[\w+/=-]{24,}", text) and _entropy(text) > 3.8)


def _types_secret(call: ast.Call) -> bool:
    """Whether a literal is typed into a field whose name says that it takes a secret."""
    if not isinstance(call.func, ast.Name) or call.func.id != "fill":
        return False
    named = {item.arg: item.value for item in call.keywords}
    typed = named.pop("text", call.args[2] if len(call.args) > 2 else None)
    where = [*call.args[:2], *named.values()]
    if not (isinstance(typed, ast.Constant) and isinstance(typed.value, str) and typed.value):
        return False
    fields = (item.value for item in where if isinstance(item, ast.Constant))
    secret = any(isinstance(field, str) and SECRET_FIELD.search(field) for field in fields)
    return secret and not PLACEHOLDER.fullmatch(typed.value)


def _entropy(text: str) -> float:
    """Bits a character."""
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)
