"""`SKILL.md`: a version as the Agent Skills standard wants it, as all validators accept it."""

from __future__ import annotations

import json

from .adapter import Adapter
from .skill import SkillVersion


def skill_md(version: SkillVersion) -> str:
    """The skill as the Agent Skills standard wants it, in the form all validators accept."""
    slots = ", ".join(f"{slot.name}: {slot.kind}" for slot in version.template.slots)
    call = f"{version.function}({', '.join(slot.name for slot in version.template.slots)})"
    metadata = {
        "journeyman-version": str(version.version),
        "journeyman-template": version.template.text,
        "journeyman-primitives": " ".join(version.manifest.primitives),
        "journeyman-origins": " ".join(version.manifest.origins),
        "journeyman-how": version.how,
    }
    if version.adapter is not None:
        metadata = {
            "journeyman-version": str(version.version),
            "journeyman-kind": "adapter",
            "journeyman-base": f"{version.adapter.base_name} sha256:{version.adapter.base}",
            "journeyman-rank": str(version.adapter.rank),
            "journeyman-origins": " ".join(version.manifest.origins),
            "journeyman-how": version.how,
        }
    head = [f"name: {version.name}", f"description: {_scalar(version.description)}", "metadata:"]
    head += [f"  {key}: {_scalar(value)}" for key, value in metadata.items()]
    body = [f"# {version.name}", tidy(version.description)]
    if version.adapter is not None:
        body += _adapter_body(version.adapter)
        return "---\n" + "\n".join(head) + "\n---\n\n" + "\n\n".join(body) + "\n"
    body += [
        f"Goal: `{tidy(version.template.text)}`" + (f" ({slots})" if slots else ""),
        f"Run `{call}` from `scripts/skill.py`. It imports its primitives from module `page`, which"
        " Journeyman's sandbox provides.",
    ]
    return "---\n" + "\n".join(head) + "\n---\n\n" + "\n\n".join(body) + "\n"


def _adapter_body(adapter: Adapter) -> list[str]:
    goals = "\n".join(f"- `{tidy(goal)}`" for goal in adapter.examples)
    return [
        f"LoRA weights of rank {adapter.rank} for {tidy(adapter.base_name) or 'one base model'} and"
        " for no other: the digest of its weights file is in the metadata.",
        *([f"Goals it is for:\n\n{goals}"] if goals else []),
        "`adapter/` is a PEFT folder (`PeftModel.from_pretrained`, or vLLM's"
        " `/v1/load_lora_adapter`); `adapter/adapter.gguf` is the same for llama.cpp (`--lora`).",
    ]


def tidy(text: str) -> str:
    """One printable line without `---`, which some readers take for the end of the frontmatter."""
    line = " ".join(text.split())
    printable = "".join(character for character in line if character.isprintable())
    while "---" in printable:
        printable = printable.replace("---", "--")
    return printable


def _scalar(text: str) -> str:
    # A JSON string of printable characters is a YAML double-quoted scalar.
    return json.dumps(tidy(text), ensure_ascii=False)
