"""The engine's stream taken apart, however it is cut."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from journeyman.sandbox.frames import Frames

PARTS = st.lists(st.tuples(st.sampled_from((1, 2)), st.binary(max_size=300)), max_size=12)


@given(PARTS, st.lists(st.integers(1, 40), min_size=1))
def test_what_was_written_comes_out_however_it_is_cut(
    parts: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    async def read() -> tuple[bytes, str]:
        frames = Frames()
        stream = b"".join(
            bytes((kind, 0, 0, 0)) + len(data).to_bytes(4) + data for kind, data in parts
        )
        for n in range(len(stream)):
            size = cuts[n % len(cuts)]
            if not stream:
                break
            frames.data_received(stream[:size])
            stream = stream[size:]
        frames.eof_received()
        assert frames.ended.is_set()
        frames.reader.feed_eof()
        return await frames.reader.read(), frames.last_words()

    output, complaint = asyncio.run(read())
    assert output == b"".join(data for kind, data in parts if kind == 1)
    said = b"".join(data for kind, data in parts if kind == 2)[-2000:]
    lines = said.decode(errors="replace").strip().splitlines()
    assert complaint == (lines[-1][:300] if lines else "it said nothing")


async def test_what_comes_while_it_ends_is_not_kept() -> None:
    frames = Frames()
    frames.discard()
    frames.data_received(bytes((1, 0, 0, 0)) + (3).to_bytes(4) + b"abc")
    frames.reader.feed_eof()
    assert await frames.reader.read() == b""
