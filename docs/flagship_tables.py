"""The tables that docs/results/flagship.json gives, for the pages of the two-way game and of what encoders cost."""
import statistics

# Two-sided 95 % points of Student's distribution by degrees of freedom.
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
# What the study's table shows: key, title, whether more is better, digits.
FLAGSHIP = [("fid", "FID", False, 2), ("coverage", "coverage", True, 3), ("mse", "error", False, 4), ("features", "in features", False, 3),
            ("refined mse", "error, refined", False, 4), ("refined features", "in features, refined", False, 3),
            ("own codes", "own codes", False, 3), ("code mmd", "code MMD", False, 3), ("1-nn", "1-NN", True, 3), ("linear", "linear probe", True, 3),
            ("anomaly", "AUROC", True, 3), ("bits", "bits/dim", False, 2)]


def mean_interval(values):
    """Mean and the half-width of its 95 % interval over seeds; None with one seed."""
    n, mean = len(values), sum(values) / len(values)
    if n < 2:
        return mean, None
    return mean, STUDENT[min(n - 1, 9)] * (sum((v - mean) ** 2 for v in values) / (n - 1) / n) ** 0.5


def flagship_rows(results, data):
    """Method to key to values over seeds."""
    found = {}
    for key, row in results["rows"].items():
        where, method, _ = key.split("/")
        if where == data:
            for name, value in row.items():
                found.setdefault(method, {}).setdefault(name, []).append(value)
    order = ["two-way", "bigan", "ali", "vae-gan", "vae"]  # a sweep after its family
    place = lambda method: (order.index(method.split(",")[0]) if method.split(",")[0] in order else len(order), method)
    return {method: found[method] for method in sorted(found, key=place)}


def flagship_table(results):
    """Of docs/results/flagship.json: a table a data set and what it says; bold: intervals over seeds lie apart."""
    lines = []
    for data in dict.fromkeys(key.split("/")[0] for key in results["rows"]):
        rows = flagship_rows(results, data)
        shown = [f for f in FLAGSHIP if any(f[0] in r for r in rows.values())]
        lines += [f"### {data}", "", "| | seeds | kimg | minutes | G + E, D | " + " | ".join(title for _, title, *_ in shown) + " |", "|---" * (len(shown) + 5) + "|"]
        for method, row in rows.items():
            p = row["parameters"][0]
            pair = sum(n for name, n in p.items() if name != "discriminator")
            cells = [method, str(len(row["kimg"])), f"{statistics.mean(row['kimg']):.0f}", f"{statistics.mean(row['seconds']) / 60:.1f}", f"{pair / 1e6:.2f} M, {p.get('discriminator', 0) / 1e6:.2f} M"]
            for key, _, more, digits in shown:
                if key not in row:
                    cells.append("")
                    continue
                mean, half = mean_interval(row[key])
                cells.append(f"{mean:.{digits}f}" + (f" ± {half:.{digits}f}" if half is not None else ""))
            lines.append("| " + " | ".join(cells) + " |")
        lines += ["", *flagship_verdicts(rows, shown), ""]
        if results["pictures"].get(data):
            lines += [f"![samples and reconstructions](../docs/images/flagship-{data}.png)", "",
                      f"From top to bottom: {', '.join(results['pictures'][data])}. Left: samples; right: test images above their reconstructions.", ""]
    return "\n".join(lines).strip()


def flagship_verdicts(rows, shown):
    ours = rows.get("two-way")
    lines = []
    for method, row in rows.items():
        if method == "two-way" or not ours:
            continue
        better, worse = [], []
        for key, title, more, _ in shown:
            if key in row and key in ours:
                a, b = mean_interval(ours[key]), mean_interval(row[key])
                clear = None not in (a[1], b[1]) and abs(a[0] - b[0]) > a[1] + b[1]
                (better if (a[0] > b[0]) == more else worse).append(f"**{title}**" if clear else title)
        lines.append(f"- two-way against {method}: better in {', '.join(better) or 'nothing'}; worse in {', '.join(worse) or 'nothing'}.")
    return lines


def flagship_short(results, data="fashion-mnist"):
    """Of docs/results/flagship.json, for the README: means over seeds; the best of a column bold."""
    keys = [("fid", "FID", False, 2), ("coverage", "coverage", True, 3), ("mse", "error", False, 3), ("features", "in features", False, 3),
            ("own codes", "own codes", False, 2), ("linear", "linear probe", True, 3), ("anomaly", "AUROC", True, 3)]
    rows = {m: means_of(results, data, m) for m in ("two-way", "bigan", "ali", "vae-gan", "vae")}
    rows = {m: row for m, row in rows.items() if row}
    best = {key: (max if more else min)(row[key] for row in rows.values()) for key, _, more, _ in keys}
    seeds = min(len(flagship_rows(results, data)[method]["fid"]) for method in rows)
    lines = [f"| {seeds} seed{'s' * (seeds > 1)} | " + " | ".join(title for _, title, *_ in keys) + " |", "|---" * (len(keys) + 1) + "|"]
    for method, row in rows.items():
        cells = [f"**{row[key]:.{digits}f}**" if row[key] == best[key] else f"{row[key]:.{digits}f}" for key, _, _, digits in keys]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def means_of(results, data, method):
    """Key to mean over seeds of docs/results/flagship.json; empty where the method was not measured."""
    row = flagship_rows(results, data).get(method, {})
    return {key: statistics.mean(values) for key, values in row.items() if key != "parameters"}


PRICED = ["gan", "gan then encoder", "gan with regressor", "bigan", "ali", "two-way"]


def method_table(results, methods, keys, data="fashion-mnist"):
    """Of docs/results/flagship.json: some methods, some figures, means over seeds."""
    shown = [f for f in FLAGSHIP if f[0] in keys]
    rows = {method: means_of(results, data, method) for method in methods}
    shown = [f for f in shown if any(f[0] in row for row in rows.values())]
    lines = ["| | kimg | " + " | ".join(title for _, title, *_ in shown) + " |", "|---" * (len(shown) + 2) + "|"]
    for method, row in rows.items():
        if row:
            cells = [f"{row[key]:.{digits}f}" if key in row else "" for key, _, _, digits in shown]
            after = " (the encoder's)" if method == "gan then encoder" else ""
            lines.append(f"| {method} | {row['kimg']:.0f}{after} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def price_table(results):
    """GANs without, beside and with an encoder in the game."""
    return method_table(results, PRICED, ("fid", "coverage", "own codes", "mse", "features", "1-nn", "linear"))


def judged_table(results):
    """Models with a likelihood and without one, by figures that all of them have."""
    return method_table(results, ("vae", "vae, beta 0.3", "vae-gan", "gan", "two-way"), ("bits", "fid", "coverage", "mse", "anomaly"))


def inferences_table(results):
    """Encoders that a likelihood teaches, and encoders that a discriminator does."""
    methods = ("vae, beta 0.3", "vae", "vae, beta 3", "bigan", "ali", "vae-gan", "two-way")
    return method_table(results, methods, ("fid", "mse", "features", "refined mse", "own codes", "code mmd", "1-nn", "linear", "anomaly", "bits"))


def price_reading(results, data="fashion-mnist"):
    rows = {method: means_of(results, data, method) for method in PRICED}
    rows = {method: row for method, row in rows.items() if row}
    if "gan" not in rows or "bigan" not in rows:
        return ""
    alone, lines = rows["gan"], []
    for method, row in rows.items():
        if method != "gan":
            share = row["fid"] / alone["fid"] - 1
            spent = "three quarters of its minutes" if method == "gan then encoder" else f"{100 * row['kimg'] / alone['kimg']:.0f} % of its images"
            lines.append(f"- {method}: FID {row['fid']:.1f}, {abs(100 * share):.0f} % {'above' if share > 0 else 'below'} the GAN's own {alone['fid']:.1f}, from {spent}; codes of its own samples are found to within {row['own codes']:.2f} a number (1.41: unrelated).")
    return "\n".join(lines)
