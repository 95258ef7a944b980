"""The learning curve as SVG markup: presentation attributes only, so that a strict CSP holds."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .report_figures import WINDOW, Point

WIDTH, HEIGHT = 640, 170
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 14, 26


def curve_svg(points: Sequence[Point], families: int) -> str:
    """Two charts over the same practice time. `families` is how many there are to learn."""
    end = max((point.at for point in points), default=0.0) or 1.0
    top = max(families, max((point.families for point in points), default=0), 1)
    learnt = [(point.at, point.families / top) for point in points]
    rates = [(point.at, point.rate) for point in points if point.rate is not None]
    notes = [(point.at, point.families / top, point.note) for point in points if point.note]
    return _chart(
        "Families with an admitted skill", learnt, end, [(0, "0"), (1, str(top))], True, notes
    ) + _chart(
        f"Success of the last {WINDOW} attempts",
        rates,
        end,
        [(0, "0 %"), (0.5, "50 %"), (1, "100 %")],
        False,
        [],
    )


def _chart(
    title: str,
    line: Sequence[tuple[float, float]],
    end: float,
    ticks: Sequence[tuple[float, str]],
    steps: bool,
    notes: Sequence[tuple[float, float, str]],
) -> str:
    parts = [
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
    ]
    for value, label in ticks:
        y = _y(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick end" x="{LEFT - 6}" y="{y + 4}">{label}</text>')
    for place in range(5):
        at = end * place / 4
        anchor = {0: "tick", 4: "tick end"}.get(place, "tick middle")
        parts.append(
            f'<text class="{anchor}" x="{_x(at, end)}" y="{HEIGHT - 6}">{clock(at)}</text>'
        )
    if line:
        parts.append(f'<path class="line" d="{_path(line, end, steps)}"/>')
    for at, value, note in notes:
        parts.append(
            f'<circle class="dot" cx="{_x(at, end)}" cy="{_y(value)}" r="4">'
            f"<title>{escape(f'{clock(at)}  {note}')}</title></circle>"
        )
    return "".join(parts) + "</svg></figure>"


def _path(line: Sequence[tuple[float, float]], end: float, steps: bool) -> str:
    first, *rest = line
    path = [f"M{_x(first[0], end)} {_y(first[1])}"]
    for at, value in rest:
        # A count jumps when it changes; a slope would show families half learnt.
        path.append(f"H{_x(at, end)}V{_y(value)}" if steps else f"L{_x(at, end)} {_y(value)}")
    return "".join(path)


def _x(at: float, end: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * at / end, 1)


def _y(value: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - value), 1)


def clock(seconds: float) -> str:
    """`0:42`, `12:05`, `1:02:03`."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
