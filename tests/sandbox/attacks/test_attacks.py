"""No attack reaches anything from inside a real sandbox, and each reaches it in the open box."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

import pytest

from journeyman.sandbox.conformance import echo, serves
from journeyman.sandbox.worker import Worker

from ..backends import BACKENDS, Backend
from . import bombs, environment, host_files, kernel, network, processes, system
from .attack import Attack, known, source
from .box import loose
from .machine import Host, calls

THEMES = (host_files, system, environment, network, bombs, processes, kernel)
ATTACKS: tuple[Attack, ...] = tuple(attack for theme in THEMES for attack in theme.ATTACKS)
EACH = [
    pytest.param(attack, id=f"{theme.__name__.rpartition('.')[2]}: {attack.name}")
    for theme in THEMES
    for attack in theme.ATTACKS
]
RIGHTS = {errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOSYS}


def cases() -> Iterator[object]:
    """Each attack on each backend that claims to hold it."""
    for each in BACKENDS:
        (backend,) = each.values
        for attack in EACH:
            (tried,) = attack.values
            if tried.needs is None or tried.needs in backend.launcher.capabilities:
                yield pytest.param(backend, tried, id=f"{each.id}-{attack.id}", marks=each.marks)


@pytest.mark.parametrize(("backend", "attack"), list(cases()), indirect=["backend"])
async def test_it_fails_and_the_sandbox_still_serves(
    attack: Attack, backend: Backend, sandbox: Worker, host: Host
) -> None:
    found = []
    for code in filter(None, (attack.code, attack.later)):
        result = await sandbox.run(
            known(host.facts) + source(code), serve=echo, limits=attack.limits
        )
        assert host.secret not in repr(result)
        if code is attack.code and attack.ended and not result.ok:
            assert re.search(attack.ended, result.error or ""), result
        else:
            assert result.ok and isinstance(result.value, list), result
            found += result.value
    await serves(sandbox)
    if attack.name in backend.yields:
        assert found, f"it fails by now: {backend.yields[attack.name]}"
    else:
        assert found == []


@pytest.mark.parametrize("attack", EACH)
def test_it_succeeds_where_nothing_is_in_its_way(attack: Attack, host: Host) -> None:
    outcome = loose(attack, host.secret, calls())
    if attack.unproved:
        # At least it is refused for want of rights or of such a call, not because it is asked wrongly.
        assert outcome.found or set(outcome.refused) & RIGHTS, outcome
    else:
        assert outcome.found, outcome


def test_there_are_many_and_most_are_proved() -> None:
    assert len(ATTACKS) >= 80 and len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert sum(bool(attack.unproved) for attack in ATTACKS) <= len(ATTACKS) // 8
