"""Sparklines: a tiny inline SVG drawn on the server, so that first paint needs no script. No query."""

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

WIDTH, HEIGHT, INSET = 120.0, 32.0, 2.0
MAX_POINTS = 60

Value = float | None


def sparkline(values: Sequence[Value], label: str) -> SafeString:
    """An SVG line over `values` (oldest first; None is a gap), zero-based, described by `label`.

    Longer series are thinned to at most `MAX_POINTS` by their largest value, so that a spike stays visible.
    """
    points = _coordinates(thin(values))
    runs = [run for run in _runs(points) if len(run) > 1]
    lines = " ".join("M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in run) for run in runs)
    floor = HEIGHT - INSET
    areas = " ".join(
        f"M{run[0][0]:.1f} {floor:.1f} L"
        + " L".join(f"{x:.1f} {y:.1f}" for x, y in run)
        + f" L{run[-1][0]:.1f} {floor:.1f}Z"
        for run in runs
    )
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="spark-area" d="{}"/><path class="spark-line" d="{}"/></svg>',
        f"{WIDTH:g}", f"{HEIGHT:g}", label, areas, lines,
    )  # fmt: skip


def thin(values: Sequence[Value], limit: int = MAX_POINTS) -> list[Value]:
    """At most `limit` values; each keeps the largest of its stretch (None when all of it is None)."""
    if len(values) <= limit:
        return list(values)
    step = len(values) / limit
    stretches = [values[int(i * step) : max(int((i + 1) * step), int(i * step) + 1)] for i in range(limit)]
    return [max((v for v in stretch if v is not None), default=None) for stretch in stretches]


def _coordinates(values: Sequence[Value]) -> list[tuple[float, float] | None]:
    top = max((v for v in values if v is not None), default=0.0) or 1.0
    step = (WIDTH - 2 * INSET) / max(len(values) - 1, 1)
    height = HEIGHT - 2 * INSET
    return [
        None if value is None else (INSET + i * step, HEIGHT - INSET - height * max(value, 0.0) / top)
        for i, value in enumerate(values)
    ]


def _runs(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return runs
