"""A bar chart as SVG: a bar for each peer, its median, and a line for the range of the rounds."""

from html import escape

from .figures import short

BAR, GAP, LEFT, WIDTH, RIGHT, TOP = 18, 8, 250, 420, 110, 34
OURS, THEIRS, INK = "#1f6feb", "#8c959f", "#24292f"


def bar_chart(title, bars):
    """`bars` are (name, Summary, is ours)."""
    most = max(found.high for _, found, _ in bars) or 1
    height = TOP + len(bars) * (BAR + GAP) + GAP
    parts = [head(title, height)]
    for number, (name, found, ours) in enumerate(bars):
        parts += bar(name, found, ours, TOP + number * (BAR + GAP), WIDTH / most)
    return "\n".join([*parts, "</svg>"]) + "\n"


def head(title, height):
    width = LEFT + WIDTH + RIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">\n'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n'
        f'<text x="8" y="20" font-size="14" font-weight="bold">{escape(title)}</text>'
    )


def bar(name, found, ours, y, scale):
    middle = y + BAR / 2
    low, high = LEFT + found.low * scale, LEFT + found.high * scale
    colour = OURS if ours else THEIRS
    return [
        f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">{escape(name)}</text>',
        f'<rect x="{LEFT}" y="{y}" width="{found.middle * scale:.1f}" height="{BAR}" fill="{colour}"/>',
        f'<path stroke="{INK}" d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8"/>',
        f'<text x="{high + 8:.1f}" y="{middle + 4}">{short(found.middle)}</text>',
    ]
