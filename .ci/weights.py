"""Find, fetch and verify the default model's weights during set-up, with progress.

`--cached` only looks whether a verified file is there already (exit status 1 if not).
"""

from __future__ import annotations

import sys
import time

from journeyman.agent import AgentError
from journeyman.agent.config import load_settings
from journeyman.agent.weights import TABLE, cache_folder, weights_path


def main() -> int:
    """Exit 0 when the weights are in place and verified."""
    settings = load_settings().model
    name = settings.name.removeprefix("local/")
    if name not in TABLE:
        return 0  # a model of the user's own: nothing to fetch
    in_cache = (cache_folder() / TABLE[name].file).exists()
    if "--cached" in sys.argv and settings.weights is None and not in_cache:
        return 1
    print(f"==> weights: {weights_path(name, settings.weights, show)}")
    return 0


shown = ["", 0.0]


def show(what: str, done: int, total: int) -> None:
    """One line for each second or so, and a last one."""
    now = time.monotonic()
    if [what] == shown[:1] and done < total and now - float(shown[1]) < 1:
        return
    shown[:] = [what, now]
    print(f"    {what}: {done / 1e6:6.0f} of {total / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AgentError as error:
        sys.exit(str(error))
