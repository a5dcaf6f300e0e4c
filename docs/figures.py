#!/usr/bin/env python3
"""The figures in README.md and docs/performance.md come from runs' own JSON.

usage: figures.py collect RUN ENCODER_RUN   copies what a demo measured into docs/results/demo.json
       figures.py peer NAME EVAL.json       copies what `obverse eval --json` said of a peer's samples into docs/results/NAME.json
       figures.py write                     makes the pages from their .in.md and the drawings, both of docs/results/*.json
       figures.py check                     fails when one differs from that
In a template @{demo.figures.fid.value|.2f} stands for a number and its format, @{performance|table} for bench/compare.py's table; the
other tables are in docs/tables.py, and say so where nothing was measured yet.
"""
import glob
import json
import os
import re
import sys

sys.dont_write_bytecode = True
from drawings import DRAWINGS  # noqa: E402
from tables import TABLES  # noqa: E402

DOCS = os.path.dirname(os.path.abspath(__file__))
RESULTS = f"{DOCS}/results"
PAGES = {f"{DOCS}/../README.md": f"{DOCS}/README.in.md", f"{DOCS}/performance.md": f"{DOCS}/performance.in.md",
         **{f"{DOCS}/{page}.md": f"{DOCS}/{page}.in.md" for page in ("directions", "metrics", "transfer", "anomaly", "compression", "zoo", "editing", "inference")},
         **{f"{DOCS}/../studies/{page}.md": f"{DOCS}/../studies/{page}.in.md"
            for page in ("flagship", "representation", "encoders_price", "optimise_or_encode", "remedies", "two_inferences", "without_likelihood", "families", "architecture")}}


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


def load_results():
    results = {}
    for path in glob.glob(f"{RESULTS}/*.json"):
        with open(path) as f:
            results[os.path.basename(path)[:-5]] = json.load(f)
    return results


def render(template):
    results = load_results()

    def figure(match):
        if match[2] in TABLES and match[1] not in results:
            return "Not measured yet."
        value = results
        for key in match[1].split("."):
            value = value[int(key) if isinstance(value, list) else key]
        return TABLES[match[2]](value) if match[2] in TABLES else format(value, match[2] or "")

    with open(template) as f:
        return re.sub(r"@\{([\w.-]+)(?:\|([^}]*))?\}", figure, f.read())


def made():
    """Every page and drawing: its path, what it should hold and what that comes from."""
    for page, template in PAGES.items():
        yield page, render(template), os.path.basename(template)
    results = load_results()
    for name, draw in DRAWINGS.items():
        yield f"{DOCS}/images/{name}.svg", draw(results), "docs/drawings.py"


def main(words):
    if words[:1] == ["collect"] and len(words) == 3:
        collect(words[1], words[2])
    elif words[:1] == ["peer"] and len(words) == 3:
        with open(words[2]) as f:
            write_result(words[1], {"figures": figures_of(json.load(f))})
    elif words == ["write"]:
        for path, text, _ in made():
            with open(path, "w") as f:
                f.write(text)
    elif words == ["check"]:
        judges = {figure["features_hash"] for name in ("demo", "pytorch-dcgan") for figure in load_results()[name]["figures"].values()}
        if len(judges) > 1:
            sys.exit("the README compares figures of different classifiers: judge the peer's samples anew (obverse eval, figures.py peer)")
        for path, text, source in made():
            with open(path) as f:
                if f.read() != text:
                    sys.exit(f"{os.path.basename(path)} differs from {source} and docs/results: run docs/figures.py write")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
