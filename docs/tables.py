"""The tables of the pages: each a function from one of docs/results/*.json to Markdown, by its name in TABLES."""
import os
import re
import statistics

from flagship_tables import flagship_short, flagship_table, inferences_table, judged_table, price_reading, price_table

DOCS = os.path.dirname(os.path.abspath(__file__))


def table(results):
    """Of docs/results/performance.json: ours, the peers', ratios."""
    lines = ["| job | ours | A | B | ours / A | ours / B | MiB: ours, A, B |", "|---|---|---|---|---|---|---|"]
    for name, r in results.items():
        if "peers" not in r:
            continue
        cells = [f"{name}, {r['unit']}", f"{r['ours']['value']:.4g}"]
        peers = [r["peers"].get(which) for which in "AB"]
        cells += [f"{p['value']:.4g} ({p['setting'].replace('--', '')})" if p else "" for p in peers]
        cells += [f"{p['ratio']:.2f} ({p['ratio_least']:.2f}-{p['ratio_most']:.2f})" if p else "" for p in peers]
        memory = [x.get("peak_mib") if x else None for x in (r["ours"], *peers)]
        cells.append(", ".join(f"{m:.0f}" if m else "-" for m in memory) if any(memory) else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def damage_seen(results):
    """Of docs/results/damage.json: the weakest damage of each kind that a metric tells from fresh images, as it does all stronger ones."""
    kinds = [kind for kind in results if kind != "fresh"]
    lines = ["| metric | " + " | ".join(f"{kind} ({results[kind]['unit']})" for kind in kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    for label in results["fresh"]["strengths"][0]["figures"]:
        if label == "p value":
            continue
        cells = []
        for kind in kinds:
            weakest = None
            for row in reversed(results[kind]["strengths"]):
                if row["figures"].get(label, {}).get("p_value", 1) >= 0.01:
                    break
                weakest = row
            if weakest:
                fresh, seen = results["fresh"]["strengths"][0]["figures"][label], weakest["figures"][label]
                better = (seen["value"] > fresh["value"]) == seen["higher_is_better"]
                cells.append(f"{weakest['strength']:g}" + (" (better)" if better else ""))
            else:
                cells.append("")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def damage_table(results):
    """Of docs/results/damage.json: means over draws at the greatest strengths; bold where Welch's p is below 0.01."""
    kinds = [kind for kind in results if kind != "fresh"]
    lines = ["| metric | fresh | " + " | ".join(f"{kind}, {results[kind]['strengths'][-1]['strength']:g}" for kind in kinds) + " |",
             "|---" * (len(kinds) + 2) + "|"]
    for label, fresh in results["fresh"]["strengths"][0]["figures"].items():
        cells = [f"{fresh['value']:.3g} ± {fresh['error']:.1g}"]
        for kind in kinds:
            f = results[kind]["strengths"][-1]["figures"].get(label)
            value = f"{f['value']:.3g}" if f else "refused"
            cells.append(f"**{value}**" if f and f.get("p_value", 1) < 0.01 else value)
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def likelihood_table(results):
    """Of docs/results/likelihood.json: nats of test images by studies/likelihood.py."""
    lines = ["| decoder | codes | log p(x) at least, 95 % interval over images | VAE above GAN on the same images | gap on own samples | sigma |",
             "|---|---|---|---|---|---|"]
    for r in results.values():
        bound, above = r["log_likelihood"], r.get("vae_above")
        sigma = re.search(r"sigma ([\d.]+)", r["protocol"])[1]
        apart = f"{above['value']:.0f} ± {above['error']:.0f}" if above else ""
        lines.append(f"| {r['kind']} | {r['codes']} | {bound['value']:.0f} ({bound['low']:.0f} to {bound['high']:.0f}) | {apart} | {r['gap']['value']:.1f} | {sigma} |")
    return "\n".join(lines)


def metric_times_table(results):
    """Of docs/results/metric_times.json: seconds and peak memory of bench/metrics.py."""
    lines = ["| metric | samples | Obverse | NumPy, SciPy, scikit-learn | ratio | equal to |", "|---|---|---|---|---|---|"]
    for r in results["rows"]:
        ours, peer = r["obverse"], r.get("peer")
        cells = [r["metric"], f"{r['samples']:,}", f"{ours['seconds']:.2f} s, {ours['peak_mib']} MiB"]
        if peer:
            apart = max(abs(a / b - 1) for a, b in zip(ours["values"], peer["values"]))
            cells += [f"{peer['seconds']:.2f} s, {peer['peak_mib']} MiB", f"{r['ratio']:.1f}", f"{apart:.0e}" if apart else "every digit"]
        else:
            cells += ["", "", ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def inversion_table(results):
    """Of docs/results/inversion.json: the textbook's loop, then each method here until it is as good."""
    lines = []
    for name, r in results.items():
        book = r["textbook"]
        peers = book["peers"]
        lines += [f"| {name}, {r['images']} test images | steps | median error | 95th percentile | seconds an image | "
                  + " | ".join(f"faster than {which}" for which in peers) + " |", "|---" * (5 + len(peers)) + "|"]
        for which, peer in peers.items():
            cells = [f"{which}: plain PyTorch {re.match('[0-9.]+', peer['torch'])[0]}, one image after another", r["steps"], f"{book['median']:.4f}",
                     f"{book['p95']:.4f}", f"{peer['seconds_an_image']:.3g}",
                     *(f"{p['seconds_an_image'] / peer['seconds_an_image']:.2g}" for p in peers.values())]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
        for ours in r["ours"]:
            method = ours["method"] if ours["method"] == "encode" else f"{ours['method']}, {ours['restarts']} start{'s' * (ours['restarts'] > 1)}"
            bold = "**" if ours["as_good"] else ""
            cells = [f"{bold}{method}{bold}", ours["steps"], f"{ours['median']:.4f}", f"{ours['p95']:.4f}", f"{ours['seconds_an_image']:.3g}",
                     *(f"{bold}{ours['times_faster'][which]:.0f}{bold}" for which in peers)]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
        lines += ["", f"Generator: {r['generator_kimg']:g} thousand images, {r['generator_minutes']:.1f} minutes; encoder: {r['encoder_kimg']:g}, "
                  f"{r['encoder_minutes']:.1f}.", ""]
    return "\n".join(lines).strip()


def anomaly_table(results):
    """Of docs/results/anomaly.json: AUROC x 100 of each method, a column a normal class, by studies/anomaly.py."""
    lines = []
    for data, rows in results.items():
        classes = sorted({k for row in rows.values() for k in row["classes"]}, key=int)
        lines += [f"| {data} | " + " | ".join(classes) + " | mean | training, kimg | s a sample |", "|---" * (len(classes) + 4) + "|"]
        for name, row in rows.items():
            cells = [f"{100 * row['classes'][k]['auroc']:.1f}" if k in row["classes"] else "" for k in classes]
            mean = f"{100 * row['auroc']:.1f}" if len(row["classes"]) == len(classes) else ""
            lines.append(f"| {name} | " + " | ".join(cells) + f" | {mean} | {format(row['kimg'], 'g') if row['kimg'] else 'none'} | {row['seconds_per_sample']:.0e} |")
        lines.append("")
    return "\n".join(lines).strip()


def speed_line(results):
    """Of docs/results/anomaly_speed.json: how many times faster than AnoGAN as published."""
    book = results["AnoGAN as published"]
    others = "; ".join(f"{name}: {1000 * seconds:.2g} ms, {book / seconds:.0f} times as fast" for name, seconds in results.items() if name != "AnoGAN as published")
    return f"AnoGAN as published takes {book:.2g} s an image. {others}."


def choice_line(results):
    """Of docs/results/anomaly_choice.json: the best variant, the second, the worst."""
    ranked = sorted(((row["mean"], name) for name, row in results.items()), reverse=True)
    return "; ".join(f"{name}: {mean:.4f}" for mean, name in (*ranked[:2], ranked[-1]))


def quality_table(results):
    """Of docs/results/quality.json: either precision, mean and standard deviation over seeds, and bfloat16's being worse."""
    lines = ["| | FID | coverage |", "|---|---|---|"]
    for precision in ("float32", "bfloat16"):
        trials = [t for t in results["trials"] if t["precision"] == precision]
        cells = [f"{statistics.mean(v):.{digits}f} ± {statistics.stdev(v):.{digits}f}"
                 for key, digits in (("fid", 2), ("coverage", 3)) for v in [[t[key] for t in trials]]]
        lines.append(f"| {precision} | " + " | ".join(cells) + " |")
    lines.append(f"| p that bfloat16 is worse (Welch, one-sided) | {results['p_fid_worse']:.2f} | {results['p_coverage_worse']:.2f} |")
    return "\n".join(lines)


# What a paper reports for the same data and protocol: our metric, its figure, the images that its run took in thousands.
PUBLISHED = {
    "bigan-mnist": [("1-nn on features", "0.973 (Donahue 2017)", 20000), ("1-nn on codes", "0.959 (its code, halfway; 0.921 at the end)", 20000),
                    ("reconstruction, L2", "5.95 (its code)", 20000)],
    "ali-grid": [("modes", "24.1 of 25 (Lin 2018, of another ALI)", None), ("high quality", "0.957 (the same)", None), ("reverse kl", "0.14 (the same)", None),
                 ("mode kept", "", None)],
    "vae-mnist": [("log p", "-86.76 (Burda 2016)", 196800)],
    "iwae-mnist, k = 5": [("log p", "-85.54 (Burda 2016)", 196800)],
    "iwae-mnist, k = 50": [("log p", "-84.78 (Burda 2016)", 196800)],
    "made-mnist": [("log p", "-88.0, statically binarised (Germain 2015)", None)],
}


def published_table(results):
    """Of docs/results/published.json, by studies/published.py: a row a figure; over seeds mean, least and most."""
    lines = ["| recipe | kimg | share | figure | ours | floor | published |", "|---" * 7 + "|"]
    for name, seeds in results.items():
        for label, paper, full in PUBLISHED[name]:
            runs = [run["figures"][label] for run in seeds.values() if label in run["figures"]]
            if not runs:
                continue
            kimg, values = next(iter(seeds.values()))["kimg"], [run["value"] for run in runs]
            ours = f"{statistics.mean(values):.4g}" + (f" ({min(values):.4g} to {max(values):.4g}, {len(values)} seeds)" if len(values) > 1 else "")
            floor = f"{runs[0]['floor']:.3g}" if runs[0]["floor"] is not None else ""
            share = f"{100 * kimg / full:.0f} %" if full else ""
            lines.append(f"| `{name}` | {kimg:.0f} | {share} | {label} | {ours} | {floor} | {paper} |")
    return "\n".join(lines)


def probe_table(results):
    """Of docs/results/latents.json, by studies/latents.py: how well labels are read off each representation."""
    probe = results["probe"]
    lines = [f"| {probe['train']} training labels, {probe['test']} test images | numbers | 1-NN | k-NN | linear probe | of 100 labels |", "|---" * 6 + "|"]
    seen = set()
    for name, row in probe["rows"].items():
        if name.startswith("untrained"):  # all have the same encoder
            name = name.split(" of ")[0]
        if name in seen:
            continue
        seen.add(name)
        few = next((p for p in row["few"] if p["labels"] == 100), None)
        lines.append(f"| {name} | {row['width']} | " + " | ".join(f"{row[key]['value']:.3f}" for key in ("nearest", "neighbours", "linear")) +
                     f" | {few['mean']:.3f} ± {few['std']:.3f} |" if few else " | |")
    return "\n".join(lines)


def probe_reading(results):
    rows = results["probe"]["rows"]
    codes = {name[9:]: row["linear"]["value"] for name, row in rows.items() if name.startswith("codes of ")}
    untrained = next(row["linear"]["value"] for name, row in rows.items() if name.startswith("untrained codes"))
    ranked = sorted(codes, key=codes.get, reverse=True)
    return ("By the linear probe of codes, best first: " + ", ".join(f"{m} {codes[m]:.3f}" for m in ranked) +
            f". Codes of an untrained encoder have {untrained:.3f}, as many principal components {rows['principal components']['linear']['value']:.3f}, "
            f"all 784 pixels {rows['pixels']['linear']['value']:.3f}.")


def at_budget(points, ms):
    """Of points along a search: the one nearest to a budget."""
    return min(points, key=lambda p: abs(p["ms"] - ms))


def inversion_reading(results, ms=20):
    """What each way has reached at about so many milliseconds, median squared error."""
    lines = [f"Median squared error by the encoder alone, by descent from its code and by descent from draws of the prior, about {ms} ms an image:", "",
             "| | test images | own samples | upside down | digits |", "|---" * 5 + "|"]
    for model, kinds in results["inversion"].items():
        cells = []
        for kind in ("test", "own", "turned", "other"):
            ways = kinds[kind]
            cells.append(", ".join(f"{p['median']:.3f}" for p in (ways["encode"][0], at_budget(ways["hybrid"], ms), at_budget(ways["optimise"], ms))))
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def found_table(results):
    """The share of own samples whose code is found again, by the longest of each search."""
    lines = ["| own samples found within 0.1 a number, after some 50 ms | encoder | and descent | descent from draws of the prior |", "|---|---|---|---|"]
    for model, kinds in results["inversion"].items():
        lines.append(f"| {model} | " + " | ".join(f"{100 * kinds['own'][way][-1]['found']:.0f} %" for way in ("encode", "hybrid", "optimise")) + " |")
    return "\n".join(lines)


def editing_table(results):
    """Of docs/results/editing.json: gain, structure kept and other classes' change, a column a model."""
    lines = [f"| gain / kept / others, strength {results['strength']:g} | " + " | ".join(results["models"]) + " |", "|---" * (len(results["models"]) + 1) + "|"]
    for kind in next(iter(results["models"].values())):
        cells = [" / ".join(f"{model[kind][key]:.3f}" for key in ("gain", "kept", "others")) for model in results["models"].values()]
        lines.append(f"| `{kind}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def transfer_table(results):
    """Of docs/results/transfer.json: the mean FID over seeds, its least and its most, along the run."""
    lines = []
    for pair, result in results.items():
        shown = [kimg for kimg, _ in next(iter(result["runs"].values()))]
        picked = sorted({0, len(shown) // 2, len(shown) - 1})
        lines += [f"| {pair.replace('-', ' ')} | images | seeds | " + " | ".join(f"{shown[i]:.0f} kimg" for i in picked) + " |",
                  "|---|---|---|" + "---|" * len(picked)]
        for count in ("100", "1000", "all"):
            for mode, name in (("scratch", "from scratch"), ("transfer", "transferred"), ("freeze", "transferred, D's first layer frozen")):
                curves = [curve for key, curve in result["runs"].items() if key.startswith(f"{mode}-{count}-")]
                if curves:
                    cells = [[curve[i][1] for curve in curves] for i in picked]
                    lines.append(f"| {name} | {count} | {len(curves)} | " +
                                 " | ".join(f"{statistics.mean(c):.1f} ({min(c):.1f} to {max(c):.1f})" for c in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def family_rows(results, family, scale=1):
    return [row for key, row in results["rows"].items() if key.startswith(f"{family}/{scale}/")]


def families_table(results):
    """Of docs/results/families.json: at the recipes' step sizes, means over seeds."""
    columns = {"kimg": ".0f", "fid": ".1f", "coverage": ".3f", "bits": ".2f", "mse": ".4f", "infer_ms": ".2g", "sample_ms": ".2g", "gain": ".2f", "kept": ".2f"}
    lines = ["| | numbers to make a sample | thousand images | FID | coverage | bits/dim | error of a test image | ms to infer it | ms to draw one | class gained | structure kept |",
             "|---" * (len(columns) + 2) + "|"]
    for family in ("gan", "vae", "flow"):
        rows = family_rows(results, family)
        numbers = rows[0]["parameters"]
        cells = [f"{numbers.get('generator', numbers.get('flow', 0)) / 1000:.0f} k"]
        cells += [format(statistics.mean(row[key] for row in rows), form) if key in rows[0] else "none" for key, form in columns.items()]
        lines.append(f"| {family} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def families_steps(results):
    """The same: FID and coverage of every seed at each step size."""
    lines = ["| FID (coverage) of each seed | a quarter of the recipe's steps | the recipe's | four times |", "|---|---|---|---|"]
    for family in ("gan", "vae", "flow"):
        cells = [", ".join("failed" if "failed" in row else f"{row['fid']:.1f} ({row['coverage']:.2f})" for row in family_rows(results, family, scale)) for scale in (0.25, 1, 4)]
        lines.append(f"| {family} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def architecture_table(results):
    """Of docs/results/architecture.json: means over seeds, in brackets the worst."""
    lines = []
    for recipe in ("ring", "grid"):
        lines += [f"| {recipe} | modes | high quality | reverse KL | spread, narrowest to widest | seconds |", "|---|---|---|---|---|---|"]
        variants = dict.fromkeys(key.split("/")[1] for key in results["rows"] if key.startswith(recipe + "/"))
        for variant in variants:
            rows = [row for key, row in results["rows"].items() if key.startswith(f"{recipe}/{variant}/")]
            kept = [row for row in rows if "failed" not in row]
            lost = f" ({len(rows) - len(kept)} of {len(rows)} failed)" if len(kept) < len(rows) else ""

            def of(key):
                return [row[key] for row in kept]

            lines.append(f"| {variant}{lost} | {statistics.mean(of('modes')):.1f} ({min(of('modes')):.0f}) | {statistics.mean(of('high quality')):.3f} ({min(of('high quality')):.3f}) | "
                         f"{statistics.mean(of('reverse kl')):.3f} ({max(of('reverse kl')):.3f}) | {min(of('narrowest std ratio')):.2f} to {max(of('widest std ratio')):.2f} | {statistics.mean(of('seconds')):.0f} |")
        lines.append("")
    return "\n".join(lines).strip()


def lossless_table(results):
    """Of docs/results/compression.json: bits a number (pixel) of the test images."""
    sets = results["lossless"]
    lines = ["| | " + " | ".join(sets) + " |", "|---" * (len(sets) + 1) + "|"]
    row = lambda name, value: lines.append(f"| {name} | " + " | ".join(value(r) for r in sets.values()) + " |")
    row("**obverse, the whole file**", lambda r: f"**{r['ours']['bits_per_dim']:.4f}**")
    row("the model's own bound (negative ELBO)", lambda r: f"{r['ours']['model_bits_per_dim']:.4f}")
    row("above it", lambda r: f"{100 * (r['ours']['bits_per_dim'] / r['ours']['model_bits_per_dim'] - 1):.2f} %")
    for name in next(iter(sets.values()))["bits_per_dim"]:
        row(name, lambda r: f"{r['bits_per_dim'][name]:.3f}")
    row("milliseconds an image, there and back", lambda r: f"{1000 * r['ours']['seconds'] / r['images']:.1f}, {1000 * r['decode_seconds'] / r['images']:.1f}")
    return "\n".join(lines)


def lossy_table(results, key, form):
    """Of docs/results/compression.json: a figure at the same bytes, straight between the points on either side; the best one bold."""
    sizes, curves = [10, 15, 20, 30, 50, 75, 100, 150, 200], results["lossy"]["curves"]

    def at(points, n):
        points = sorted((p["bytes"], p[key]) for p in points)
        if n < 0.98 * points[0][0] or n > 1.02 * points[-1][0]:
            return None
        for (b, v), (c, w) in zip(points, points[1:]):
            if n <= c:
                return v + (w - v) * max(0, n - b) / (c - b)
        return points[-1][1]
    values = {name: [at(points, n) for n in sizes] for name, points in curves.items()}
    best = [(min if key == "feature_distance" else max)(v[i] for v in values.values() if v[i] is not None) for i in range(len(sizes))]
    lines = ["| bytes an image | " + " | ".join(map(str, sizes)) + " |", "|---" * (len(sizes) + 1) + "|"]
    for name, row in values.items():
        cells = ["-" if v is None else f"**{format(v, form)}**" if v == b else format(v, form) for v, b in zip(row, best)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


# What the papers report of the methods, each on its own data: facts to read beside docs/results/zoo.json, not goals.
ZOO_PAPERS = {
    "ali-grid": "grid: 13.4 of 25 modes over random settings (Dumoulin 2017); 24.1 of 25, 95.7 % near a mode (Lin 2018)",
    "veegan-grid": "grid: 24.6 of 25 modes, 40 % near a mode",
    "pacgan-grid": "grid, four samples: 24.8 of 25 modes, 93.6 % near a mode",
    "ring": "none on the ring; Stacked MNIST: 1000 modes",
    "grid": "none on the grid; Stacked MNIST: 1000 modes",
    "bigan-mnist": "1-NN on features 97.39 %",
    "made-mnist": "88.0 nats, statically binarised",
    "vae-mnist": "86.76 nats at the full schedule",
    "iwae-mnist": "85.54 nats at the full schedule",
}


def zoo_table(results):
    """Of docs/results/zoo.json: a row a recipe."""
    lines = ["| recipe | minutes | kimg | of the recipe's length | measured | paper | |", "|---" * 7 + "|"]
    for name, r in results.items():
        shown = []
        for label, f in r["figures"].items():
            floor = f" ({f['floor']:.3g})" if f["floor"] is not None else ""
            shown.append(f"{label} {f['value']:.3g}{floor}")
        picture = f"![](images/zoo/{name}.png)" if os.path.exists(f"{DOCS}/images/zoo/{name}.png") else ""
        lines.append(f"| `{name}` | {r['minutes']:.1f} | {r['kimg']:.0f} | {100 * r['kimg'] / r['shipped_kimg']:.0f} % | {', '.join(shown)} | "
                     f"{ZOO_PAPERS.get(name, '')} | {picture} |")
    return "\n".join(lines)


def floors_table(results):
    """Of docs/results/floors.json, by studies/floors.py: means over seeds, their least and most; bold where ours beats every seed of the floor."""
    lines = ["| method | recipe | figure | with | floor | of what |", "|---" * 6 + "|"]
    for name, row in results.items():
        ours, floor = ([run[row["decides"]] for run in row[part].values()] for part in ("ours", "floor"))
        clear = max(ours) < min(floor) if row["lower"] else min(ours) > max(floor)
        spread = lambda v: f"{statistics.mean(v):.3g}" + (f" ({min(v):.3g} to {max(v):.3g})" if min(v) != max(v) else "")
        value = f"**{spread(ours)}**" if clear else spread(ours)
        lines.append(f"| {name} | {row['recipe']} | {row['decides']} | {value} | {spread(floor)} | {row['against']} |")
    return "\n".join(lines)


def remedy_values(trial):
    """The two figures of a trial: modes and high quality, or FID and coverage. A lost run found no mode and covers nothing."""
    if "diverged" in trial:
        return (float("nan") if trial["data"] == "fashion-mnist" else 0, 0)
    found = lambda end: next(v for k, v in trial.items() if k.endswith(end))
    return (found("fid"), found("coverage")) if trial["data"] == "fashion-mnist" else (found("_modes"), found("high_quality"))


def remedy_mean(trials, which):
    """Over trials, those without the figure left out."""
    values = [v for v in (remedy_values(t)[which] for t in trials) if v == v]
    return statistics.mean(values) if values else float("nan")


def by_remedy(results, data):
    """Remedy to loss to trials, those without a remedy first."""
    table = {}
    for t in results:
        if t["data"] == data:
            table.setdefault(t["remedy"], {}).setdefault(t["loss"], []).append(t)
    return table


def remedies_worth(results):
    """Of docs/results/remedies.json: each remedy over all losses it goes with, beside the same losses without it."""
    lines = []
    for data in dict.fromkeys(t["data"] for t in results):
        table = by_remedy(results, data)
        titles = "FID | coverage" if data == "fashion-mnist" else "modes | of high quality"
        lines += [f"| {data} | losses | {titles} | without: {titles.replace(' | ', ' | without: ')} | better for | diverged | without: diverged |",
                  "|---" * 9 + "|"]
        for remedy, losses in table.items():
            held = {loss: trials for loss, trials in losses.items() if not any("refused" in t for t in trials)}
            if not held:
                continue
            decides = 1 if data == "fashion-mnist" else 0  # coverage, or modes
            trials = [t for loss in held for t in held[loss]]
            without = [t for loss in held for t in table["none"].get(loss, [])]
            lost = [f"{sum('diverged' in t for t in group)} of {len(group)}" for group in (trials, without)]
            better = sum(remedy_mean(held[loss], decides) > remedy_mean(table["none"][loss], decides) for loss in held if loss in table["none"])
            cells = [remedy, str(len(held)), f"{remedy_mean(trials, 0):.1f}", f"{remedy_mean(trials, 1):.3f}"]
            cells += ["", "", "", lost[0], ""] if remedy == "none" else [
                f"{remedy_mean(without, 0):.1f}", f"{remedy_mean(without, 1):.3f}", f"{better} of {len(held)}", *lost]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines).strip()


def remedies_cells(results):
    """Of docs/results/remedies.json: a table a data set, a row a loss, a column a remedy."""
    lines = []
    for data in dict.fromkeys(t["data"] for t in results):
        table = by_remedy(results, data)
        lines += [f"| {data} | " + " | ".join(table) + " |", "|---" * (len(table) + 1) + "|"]
        for loss in dict.fromkeys(loss for losses in table.values() for loss in losses):
            cells = []
            for losses in table.values():
                trials = losses.get(loss, [])
                kept = [remedy_values(t) for t in trials if "diverged" not in t and "refused" not in t]
                lost = sum("diverged" in t for t in trials)
                text = " / ".join(f"{statistics.mean(v[i] for v in kept):.{digits}f}" for i, digits in ((0, 1), (1, 2))) if kept else ""
                cells.append("refused" if any("refused" in t for t in trials) else text + (f" ({lost} of {len(trials)} lost)" if lost else ""))
            lines.append(f"| {loss} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines).strip()


TABLES = {"table": table, "floors_table": floors_table, "remedies_worth": remedies_worth, "remedies_cells": remedies_cells,
          "damage_table": damage_table, "damage_seen": damage_seen, "likelihood_table": likelihood_table,
          "metric_times_table": metric_times_table, "inversion_table": inversion_table, "quality_table": quality_table,
          "anomaly_table": anomaly_table, "choice_line": choice_line, "speed_line": speed_line, "families_table": families_table, "families_steps": families_steps, "architecture_table": architecture_table,
          "flagship_table": flagship_table, "flagship_short": flagship_short, "published_table": published_table, "transfer_table": transfer_table,
          "lossless_table": lossless_table, "zoo_table": zoo_table, "price_table": price_table, "judged_table": judged_table, "inferences_table": inferences_table,
          "price_reading": price_reading, "probe_table": probe_table, "probe_reading": probe_reading, "inversion_reading": inversion_reading,
          "found_table": found_table, "editing_table": editing_table, "lossy_psnr": lambda r: lossy_table(r, "psnr", ".2f"),
          "lossy_ssim": lambda r: lossy_table(r, "ssim", ".3f"), "lossy_features": lambda r: lossy_table(r, "feature_distance", ".4f")}
