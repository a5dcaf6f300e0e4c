"""Line plots as SVG text: what the studies' figures are made of."""
import math

COLOURS = ["#cc3333", "#3366cc", "#118833", "#bb8844", "#8844aa", "#888888", "#22aaaa", "#77bb33"]


def ticks(low, high, log):
    """A handful of round numbers from low to high."""
    if log:
        marks = [m * 10.0 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1) for m in (1, 2, 5)]
        inside = [m for m in marks if low * 0.999 <= m <= high * 1.001]
        if len(inside) > 7:
            return [m for m in inside if f"{m:e}"[0] == "1"]
        if len(inside) > 2:
            return inside
    step = 10 ** math.floor(math.log10((high - low) / 3))
    step *= 5 if (high - low) / step > 15 else 2 if (high - low) / step > 6 else 1
    return [step * i for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def panel(left, title, x_title, y_title, lines, log_x=True, log_y=True, size=(280, 240)):
    """lines: (points [(x, y)], colour, dash or None, label or None), one point alone being drawn as a disc. Its top left corner is at (left, 0)."""
    xs = [x for points, *_ in lines for x, _ in points]
    ys = [y for points, *_ in lines for _, y in points]

    def scale(values, log, begin, end):
        bend = math.log if log else float
        low, high = bend(min(values)), bend(max(values))
        room = 0.06 * (high - low or 1)
        low, high = low - room, high + room
        back = math.exp if log else float
        return (lambda v: begin + (end - begin) * (bend(v) - low) / (high - low)), ticks(back(low), back(high), log)
    x0, y0, (width, height) = left + 56, 36, size
    sx, x_ticks = scale(xs, log_x, x0, x0 + width)
    sy, y_ticks = scale(ys, log_y, y0 + height, y0)
    parts = [f'<text x="{x0 + width / 2}" y="22" text-anchor="middle" font-size="14">{title}</text>',
             f'<text x="{x0 + width / 2}" y="{y0 + height + 34}" text-anchor="middle">{x_title}</text>',
             f'<text transform="translate({left + 14},{y0 + height / 2}) rotate(-90)" text-anchor="middle">{y_title}</text>']
    for v in x_ticks:
        parts.append(f'<line x1="{sx(v):.1f}" y1="{y0}" x2="{sx(v):.1f}" y2="{y0 + height}" stroke="#eee"/>'
                     f'<text x="{sx(v):.1f}" y="{y0 + height + 15}" text-anchor="middle">{v:g}</text>')
    for v in y_ticks:
        parts.append(f'<line x1="{x0}" y1="{sy(v):.1f}" x2="{x0 + width}" y2="{sy(v):.1f}" stroke="#eee"/>'
                     f'<text x="{x0 - 5}" y="{sy(v) + 4:.1f}" text-anchor="end">{float(f"{v:.3g}"):g}</text>')
    parts.append(f'<rect x="{x0}" y="{y0}" width="{width}" height="{height}" fill="none" stroke="#999"/>')
    for points, colour, dash, label in lines:
        if len(points) > 1:
            way = " ".join(f"{sx(x):.1f},{sy(y):.1f}" for x, y in points)
            parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="1.8"' + (f' stroke-dasharray="{dash}"' if dash else "") + "/>")
        for x, y in points if not dash or len(points) != 2 else []:  # a dashed line between two points is a level, not measurements
            parts.append(f'<circle cx="{sx(x):.1f}" cy="{sy(y):.1f}" r="{3 if len(points) > 1 else 5}" fill="{colour}"/>')
        if label:
            x, y = points[-1]
            end = sx(x) > x0 + 0.7 * width
            parts.append(f'<text x="{sx(x) + (-8 if end else 8):.1f}" y="{sy(y) + (-6 if dash else 4):.1f}" text-anchor="{"end" if end else "start"}" fill="{colour}">{label}</text>')
    return parts


def legend(left, top, entries, step=150):
    """entries: (label, colour, dash)."""
    return [f'<line x1="{left + step * i}" y1="{top}" x2="{left + step * i + 22}" y2="{top}" stroke="{colour}" stroke-width="2"'
            + (f' stroke-dasharray="{dash}"' if dash else "") + f'/><text x="{left + step * i + 28}" y="{top + 4}">{label}</text>'
            for i, (label, colour, dash) in enumerate(entries)]


def svg(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">\n'
            f'<rect width="{width}" height="{height}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")


def save(path, width, height, parts):
    with open(path, "w") as f:
        f.write(svg(width, height, parts))
