"""Drawings of ideas: made of the studies' figures where there are any. `figures.py write` puts them into docs/images."""
import math

import plots
import flagship_tables

INK, FAINT, GAN, VAE, BOTH = "#222222", "#999999", plots.COLOURS[0], plots.COLOURS[1], plots.COLOURS[2]


def text(x, y, words, colour=INK, anchor="middle", size=12):
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{words}</text>'


def box(x, y, words, below="", colour=INK, width=64):
    """A network, its middle at (x, y)."""
    parts = [f'<rect x="{x - width / 2}" y="{y - 20}" width="{width}" height="40" rx="4" fill="white" stroke="{colour}" stroke-width="1.5"/>',
             text(x, y + 4, words, colour, size=13)]
    return parts + ([text(x, y + 36, below, FAINT, size=11)] if below else [])


def disc(x, y, words, below=""):
    """What a network takes or gives, its middle at (x, y)."""
    parts = [f'<circle cx="{x}" cy="{y}" r="18" fill="#f4f4f4" stroke="{INK}"/>', text(x, y + 4, words, size=13)]
    return parts + ([text(x, y + 34, below, FAINT, size=11)] if below else [])


def arrow(x0, y0, x1, y1, colour=INK, dash=""):
    length = math.hypot(x1 - x0, y1 - y0)
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    head = [(x1, y1), (x1 - 8 * ux + 4 * uy, y1 - 8 * uy - 4 * ux), (x1 - 8 * ux - 4 * uy, y1 - 8 * uy + 4 * ux)]
    line = f'<line x1="{x0}" y1="{y0}" x2="{x1 - 7 * ux:.1f}" y2="{y1 - 7 * uy:.1f}" stroke="{colour}" stroke-width="1.5"'
    return [line + (f' stroke-dasharray="{dash}"' if dash else "") + "/>",
             f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in head)}" fill="{colour}"/>']


# What is weighed: key of docs/results/flagship.json, what it says, its worst and best (knows nothing; perfect, or nearly so), digits.
WEIGHED = [("fid", "samples like the data (FID)", 500, 0.14, 1), ("coverage", "all kinds of data (coverage)", 0, 1, 2),
           ("mse", "an image given back (error)", 0.3, 0.003, 3), ("own codes", "its own codes found (distance)", 2 ** 0.5, 0, 2),
           ("linear", "labels read off codes (probe)", 0.1, 1, 2), ("anomaly", "strangers noticed (AUROC)", 0.5, 1, 2)]


def balance(results, data="fashion-mnist"):
    """Where a GAN, a VAE and the two-way game stand between knowing nothing and being perfect, property by property; ratios where they matter."""
    methods = [("gan", "GAN", GAN), ("vae", "VAE", VAE), ("two-way", "two-way", BOTH)]
    rows = {name: flagship_tables.means_of(results["flagship"], data, name) for name, *_ in methods}
    left, right, top = 300, 640, 66
    parts = [text(left, 26, "weak", FAINT), text(right, 26, "strong", FAINT), *plots.legend(24, 22, [(label, colour, None) for _, label, colour in methods], 76)]
    for i, (key, title, worst, best, digits) in enumerate(WEIGHED):
        y, bend = top + 46 * i, math.log if min(worst, best) > 0 and max(worst, best) / min(worst, best) > 20 else float
        parts += [text(left - 66, y + 4, title, anchor="end"), f'<line x1="{left}" y1="{y}" x2="{right}" y2="{y}" stroke="#dddddd" stroke-width="2"/>']
        for name, _, colour in methods:
            if key not in rows[name]:
                parts += [f'<circle cx="{left - 32}" cy="{y}" r="6" fill="white" stroke="{colour}" stroke-width="1.5"/>', text(left - 32, y + 20, "has none", colour, size=10)]
                continue
            share = (bend(rows[name][key]) - bend(worst)) / (bend(best) - bend(worst))
            x = f"{left + (right - left) * min(1, max(0, share)):.1f}"
            parts += [f'<circle cx="{x}" cy="{y}" r="6" fill="{colour}" fill-opacity="0.8"/>',
                      text(x, y - 11 if name == "two-way" else y + 20, f"{rows[name][key]:.{digits}f}", colour, size=10)]
    return plots.svg(690, top + 46 * len(WEIGHED) - 10, parts)


def missing_path(_):
    """A GAN beside a VAE: the one has no way from data to code."""
    parts = [text(170, 24, "GAN", GAN, size=15), text(560, 24, "VAE", VAE, size=15),
             '<line x1="365" y1="20" x2="365" y2="250" stroke="#dddddd"/>']
    # GAN: z -> G -> x' -> D <- x, and nothing back
    parts += disc(46, 80, "z", "code, drawn") + box(128, 80, "G", "generator", GAN) + disc(213, 80, "x'", "sample")
    parts += arrow(64, 80, 96, 80) + arrow(160, 80, 195, 80)
    parts += disc(213, 210, "x", "datum") + box(318, 145, "D", "real or not?", GAN)
    parts += arrow(231, 86, 286, 133) + arrow(231, 204, 286, 157)
    parts += arrow(195, 210, 48, 124, FAINT, "5 4") + [text(20, 206, "no path from x to z:", GAN, "start"), text(20, 223, "the missing inference", FAINT, "start", 11)]
    # VAE: x -> E -> z -> G -> x', compared with x
    parts += disc(420, 210, "x", "datum") + box(420, 120, "E", "", VAE) + disc(520, 80, "z", "code, near the prior") + box(625, 80, "G", "", VAE) + disc(690, 170, "x'", "")
    parts += [text(420, 92, "encoder", FAINT, size=11), text(625, 52, "decoder", FAINT, size=11)]
    parts += arrow(420, 192, 420, 140) + arrow(452, 108, 502, 87) + arrow(538, 80, 593, 80) + arrow(653, 100, 680, 153)
    parts += arrow(672, 174, 440, 206, FAINT, "2 3") + [text(580, 222, "compared pixel by pixel: every x has its z,", FAINT, size=11),
                                                        text(580, 238, "and what is not sure is blurred", FAINT, size=11)]
    return plots.svg(730, 260, parts)


def way_back(results):
    """The generator's one-way street, and the two ways that go back, with what they cost in the demo."""
    encode, best = (results["demo"]["inversions"][k] for k in ("encode", "optimise"))
    parts = disc(70, 130, "z") + [text(70, 100, "latent codes", FAINT, size=11)] + box(300, 70, "G", "", INK, 90) + disc(560, 130, "x", "data")
    parts += arrow(88, 122, 255, 76) + arrow(345, 76, 541, 122) + [text(300, 40, "one pass, no iteration", FAINT)]
    parts += box(300, 170, "E", "", BOTH, 90) + arrow(541, 136, 345, 167, BOTH) + arrow(255, 167, 90, 137, BOTH)
    parts += [text(300, 208, f"an encoder: error {encode['mse_median']:.3f} in {1000 * encode['seconds_per_image']:.1f} ms", BOTH)]
    parts += arrow(548, 144, 345, 254, VAE, "6 4") + arrow(255, 254, 84, 145, VAE, "6 4")
    parts += box(300, 258, "min ||G(z) - x||", "", VAE, 120) + [text(300, 296, f"descent on z: error {best['mse_median']:.3f} in {1000 * best['seconds_per_image']:.0f} ms", VAE)]
    return plots.svg(630, 310, parts)


DRAWINGS = {"balance": balance, "missing-path": missing_path, "way-back": way_back}
