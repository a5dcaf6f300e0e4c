#!/usr/bin/env python3
"""The figures in README.md and docs/performance.md come from runs' own JSON.

usage: figures.py collect RUN ENCODER_RUN   copies what a demo measured into docs/results/demo.json
       figures.py peer NAME EVAL.json       copies what `obverse eval --json` said of a peer's samples into docs/results/NAME.json
       figures.py write                     makes the pages from their .in.md and docs/results/*.json
       figures.py check                     fails when a page differs from that
In a template @{demo.figures.fid.value|.2f} stands for a number and its format, @{performance|table} for bench/compare.py's table; the
other tables are below.
"""
import glob
import json
import os
import re
import sys

DOCS = os.path.dirname(os.path.abspath(__file__))
RESULTS = f"{DOCS}/results"
PAGES = {f"{DOCS}/../README.md": f"{DOCS}/README.in.md", f"{DOCS}/performance.md": f"{DOCS}/performance.in.md",
         f"{DOCS}/metrics.md": f"{DOCS}/metrics.in.md"}


def last_line(path):
    with open(path) as f:
        return json.loads(f.read().strip().splitlines()[-1])


def figures_of(lines):
    result = {}
    for line in lines:
        for key, value in line["results"].items():
            label = line["label"][key].replace(" ", "_")
            result[label] = {"value": value, **{k: line[k].get(key) for k in ("low", "high", "floor")},
                             **{k: line[k] for k in ("n_real", "n_fake", "features", "features_hash", "features_accuracy")}}
    return result


def training_of(run):
    stats = last_line(f"{run}/stats.jsonl")
    return {"kimg": stats["Progress/kimg"]["mean"], "seconds": stats["Timing/total_sec"]["mean"]}


def write_result(name, value):
    with open(f"{RESULTS}/{name}.json", "w") as f:
        json.dump(value, f, indent=1, sort_keys=True)
        f.write("\n")


def collect(run, encoder):
    inversions = {}
    for path in sorted(glob.glob(f"{run}/inversion-*/summary.json")):
        with open(path) as f:
            summary = json.load(f)
        inversions[summary["method"]] = {k: v for k, v in summary.items() if k not in ("model", "target")}
    demo = {"figures": figures_of(map(last_line, sorted(glob.glob(f"{run}/metric-*10k*.jsonl")))), "inversions": inversions, "generator": training_of(run), "encoder": training_of(encoder)}
    for part in ("generator", "encoder"):
        demo[part]["images_per_second"] = 1000 * demo[part]["kimg"] / demo[part]["seconds"]
    write_result("demo", demo)


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


def damage_table(results):
    """Of docs/results/damage.json: a row a metric; bold where the intervals of damaged and fresh samples lie apart."""
    fresh = results["fresh"]
    lines = ["| metric | " + " | ".join(results) + " |", "|---" * (len(results) + 1) + "|"]
    for label in fresh:
        cells = []
        for name, figures in results.items():
            f = figures[label]
            apart = f["low"] is not None and (f["low"] > fresh[label]["high"] or f["high"] < fresh[label]["low"])
            cells.append(f"**{f['value']:.3g}**" if apart else f"{f['value']:.3g}")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
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


TABLES = {"table": table, "damage_table": damage_table, "metric_times_table": metric_times_table}


def render(template):
    results = {}
    for path in glob.glob(f"{RESULTS}/*.json"):
        with open(path) as f:
            results[os.path.basename(path)[:-5]] = json.load(f)

    def figure(match):
        value = results
        for key in match[1].split("."):
            value = value[int(key) if isinstance(value, list) else key]
        return TABLES[match[2]](value) if match[2] in TABLES else format(value, match[2] or "")

    with open(template) as f:
        return re.sub(r"@\{([\w.-]+)(?:\|([^}]*))?\}", figure, f.read())


def main(words):
    if words[:1] == ["collect"] and len(words) == 3:
        collect(words[1], words[2])
    elif words[:1] == ["peer"] and len(words) == 3:
        with open(words[2]) as f:
            write_result(words[1], {"figures": figures_of(json.load(f))})
    elif words == ["write"]:
        for page, template in PAGES.items():
            with open(page, "w") as f:
                f.write(render(template))
    elif words == ["check"]:
        for page, template in PAGES.items():
            with open(page) as f:
                if f.read() != render(template):
                    sys.exit(f"{os.path.basename(page)} differs from {os.path.basename(template)} and docs/results: run docs/figures.py write")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
