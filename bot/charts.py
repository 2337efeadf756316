"""Numbers as a picture, for chats whose cards have no charts."""

import asyncio
from functools import cache
from io import BytesIO

from bot.errors import GiveUp
from bot.platforms.base import Fetched
from recruiting.chat import Chart

# Families that have Chinese and Japanese, as Debian, Windows and macOS name them.
FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "SimHei",
)
INK, SOFT, BAR, GROUND = "#1f2a2a", "#5b6866", "#0f766e", "#ffffff"
WIDTH, ROW, LEAST = 6.4, 0.62, 1.6  # inches
DPI = 150
MOST = 20  # rows


async def picture(chart: Chart) -> Fetched:
    """A PNG of the chart. Raises GiveUp: this machine has no font with Chinese."""
    family = await asyncio.to_thread(font_family)
    if not family:
        raise GiveUp("no_font")
    content = await asyncio.to_thread(_drawn, chart, family)
    return Fetched(content=content, content_type="image/png", name=f"{chart.kind}.png")


@cache
def font_family() -> str:
    """The first installed family that has Chinese; empty when there is none."""
    from matplotlib import font_manager

    known = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((family for family in FAMILIES if family in known), "")


def _drawn(chart: Chart, family: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    points = chart.points[:MOST]
    figure = Figure(figsize=(WIDTH, max(LEAST, ROW * len(points) + 0.4)), dpi=DPI, facecolor=GROUND)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.28, 0.04, 0.6, 0.92))
    top = max((number for _, number in points), default=0) or 1
    rows = list(range(len(points)))
    # A funnel narrows towards its middle; bars stand on their left.
    left = [(top - number) / 2 if chart.kind == "funnel" else 0 for _, number in points]
    axes.barh(rows, [number for _, number in points], left=left, height=0.62, color=BAR)
    for row, (_, number) in zip(rows, points, strict=True):
        axes.text(top * 1.03, row, f"{number:g}", va="center", family=family, color=INK, fontsize=13)
    axes.set_yticks(rows, [label for label, _ in points], family=family, color=SOFT, fontsize=13)
    axes.set_xlim(0, top)
    axes.set_ylim(len(points) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.get_xaxis().set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    out = BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()
