#!/usr/bin/env python3
"""The README's figures come from runs' own JSON.

usage: figures.py collect RUN ENCODER_RUN   copies what a demo measured into docs/results/demo.json
       figures.py peer NAME EVAL.json       copies what `obverse eval --json` said of a peer's samples into docs/results/NAME.json
       figures.py write                     makes README.md from docs/README.in.md and docs/results/*.json
       figures.py check                     fails when README.md differs from that
In the template @{demo.figures.fid.value|.2f} stands for a number and its format.
"""
import glob
import json
import os
import re
import sys

DOCS = os.path.dirname(os.path.abspath(__file__))
TEMPLATE, README, RESULTS = f"{DOCS}/README.in.md", f"{DOCS}/../README.md", f"{DOCS}/results"


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


def render():
    results = {}
    for path in glob.glob(f"{RESULTS}/*.json"):
        with open(path) as f:
            results[os.path.basename(path)[:-5]] = json.load(f)

    def figure(match):
        value = results
        for key in match[1].split("."):
            value = value[int(key) if isinstance(value, list) else key]
        return format(value, match[2] or "")

    with open(TEMPLATE) as f:
        return re.sub(r"@\{([\w.-]+)(?:\|([^}]*))?\}", figure, f.read())


def main(words):
    if words[:1] == ["collect"] and len(words) == 3:
        collect(words[1], words[2])
    elif words[:1] == ["peer"] and len(words) == 3:
        with open(words[2]) as f:
            write_result(words[1], {"figures": figures_of(json.load(f))})
    elif words == ["write"]:
        with open(README, "w") as f:
            f.write(render())
    elif words == ["check"]:
        with open(README) as f:
            if f.read() != render():
                sys.exit("README.md differs from docs/README.in.md and docs/results: run docs/figures.py write")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
