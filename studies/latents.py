#!/usr/bin/python3
"""What codes of the flagship study's models tell of labels, and what it takes to find them: by encoders, by descent, by both.
Writes docs/results/latents.json, docs/images/latents-*.svg, docs/images/latents-failures.png, and the studies' pages.

usage: studies/latents.py [--runs build/flagship] [--data fashion-mnist] [--count 100] [--train 5000] [--part probe,inversion]

Takes the models of seed 0 that studies/flagship.py left under --runs. The probe is `obverse probe` on the codes and hidden features of test
images. For inversion --count images of four kinds go through the encoder, through descent from its code and through descent from four draws of the
prior, each with budgets of milliseconds an image of one thread (a quiet machine): test images, the model's own samples, test images upside
down, and images of other data. Needs NumPy and Pillow.
"""
import argparse
import glob
import json
import os
import subprocess
import sys

import numpy as np
from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/docs")
sys.dont_write_bytecode = True
import figures  # noqa: E402
import plots  # noqa: E402

PROGRAM, RESULT, IMAGES = f"{ROOT}/build/release/obverse", f"{ROOT}/docs/results/latents.json", f"{ROOT}/docs/images"
METHODS = ["two-way", "bigan", "ali", "vae", "vae-gan", "gan with regressor", "gan then encoder"]
INVERTED = ["two-way", "bigan", "vae-gan", "gan then encoder"]
BUDGETS = [5, 10, 20, 50]
KINDS = {"test": "test images", "own": "own samples", "turned": "upside down", "other": "digits"}


def run(*words):
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, env=dict(os.environ, OMP_NUM_THREADS="1"))
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr[-2000:]}")
    return done.stdout


def models(a):
    found = {}
    for method in METHODS:
        folders = sorted(glob.glob(f"{a.runs}/{a.data}-{method}/[0-9]*"))
        folders = [f for f in folders if os.path.exists(f"{f}/model.safetensors")]
        if folders:
            found[method] = folders[0]
        else:
            print(f"{method}: no model under {a.runs}, left out", file=sys.stderr)
    return found


def probe(a, found):
    """Method to {codes, hidden features, ...: accuracies}, and pixels and principal components."""
    folder = f"{a.runs}/probe"
    run("probe", *found.values(), "--data", a.data, "--limit", a.train, "--mapped", 500, "--out", folder)
    with open(f"{folder}/summary.json") as f:
        summary = json.load(f)
    rows, names = {}, iter(found)  # in the models' order; folders may share a name
    for row in summary["probes"]:
        name = row.pop("name")
        if name.startswith("codes of "):
            method = next(names)
        rows[f"{name.split(' of ')[0]} of {method}" if " of " in name else name] = row
    return {"train": summary["train"], "test": summary["test"], "rows": rows}


def turned(a, found):
    """A folder with the first test images of the data, upside down."""
    folder = f"{a.runs}/turned"
    os.makedirs(folder, exist_ok=True)
    run("invert", found["two-way"], "--count", a.count, "--columns", 20, "--method", "encode", "--out", f"{a.runs}/sheet")
    sheet = np.array(Image.open(f"{a.runs}/sheet/originals.png").convert("L"))
    for i in range(a.count):
        y, x = 28 * (i // 20), 28 * (i % 20)
        Image.fromarray(sheet[y:y + 28, x:x + 28][::-1]).save(f"{folder}/{i:04}.png")
    return folder


def inversion(a, found):
    """Model to kind to method to [(milliseconds, median error, 95th percentile)]; of own samples the share found as well."""
    kinds = {"test": ["--count", a.count], "own": ["--own", a.count], "turned": [turned(a, found)], "other": ["--data", "mnist", "--count", a.count]}
    if a.data == "mnist":
        kinds["other"][1] = "fashion-mnist"
    result = {}
    for name in INVERTED:
        if name not in found:
            continue
        for kind, words in kinds.items():
            for method, budgets in {"encode": [0], "hybrid": BUDGETS, "optimise": BUDGETS}.items():
                points = []
                for budget in budgets:
                    out = f"{a.runs}/inverted"
                    more = ["--budget-ms", budget, "--steps", 1000, "--restarts", 1 if method == "hybrid" else 4] if budget else []
                    run("invert", found[name], *words, "--method", method, *more, "--out", out)
                    codes = np.load(f"{out}/latents.npz")
                    with open(f"{out}/summary.json") as f:
                        summary = json.load(f)
                    error = codes["mse"]
                    point = {"ms": 1000 * summary["seconds_per_image"], "median": float(np.median(error)), "p95": float(np.quantile(error, 0.95))}
                    if kind == "own":
                        point["found"] = summary["recovered_share"]
                    points.append(point)
                result.setdefault(name, {}).setdefault(kind, {})[method] = points
            print(name, kind, {m: round(p[-1]["median"], 4) for m, p in result[name][kind].items()}, flush=True)
    return result


def failures(a, found):
    """Eight images of each kind, what two-way's encoder makes of them, and what descent from there does in 50 ms an image."""
    rows = []
    for words in (["--count", 8], [f"{a.runs}/turned/{i:04}.png" for i in range(8)],
                  ["--data", "fashion-mnist" if a.data == "mnist" else "mnist", "--count", 8]):
        for i, method in enumerate((["--method", "encode"], ["--method", "hybrid", "--budget-ms", 50, "--restarts", 1, "--steps", 1000])):
            run("invert", found["two-way"], *words, *method, "--columns", 8, "--out", f"{a.runs}/inverted")
            names = ("originals", "reconstructions") if i == 0 else ("reconstructions",)
            rows += [np.array(Image.open(f"{a.runs}/inverted/{name}.png").convert("L")) for name in names]
        rows.append(np.full((8, rows[0].shape[1]), 255, np.uint8))
    sheet = np.concatenate(rows[:-1])
    Image.fromarray(sheet).resize((2 * sheet.shape[1], 2 * sheet.shape[0]), Image.NEAREST).save(f"{IMAGES}/latents-failures.png", optimize=True)


def draw(results):
    if "inversion" in results:
        parts, names = [], list(results["inversion"])
        for i, (kind, title) in enumerate(KINDS.items()):
            lines = []
            for name, colour in zip(names, plots.COLOURS):
                ways = results["inversion"][name][kind]
                way = lambda points: [(p["ms"], p["median"]) for p in points]
                lines += [(way(ways["encode"] + ways["hybrid"]), colour, None, None), (way(ways["optimise"]), colour, "5 3", None)]
            parts += plots.panel(350 * i, title, "milliseconds an image", "median error" if i == 0 else "", lines)
        parts += plots.legend(56, 332, [(n, c, None) for n, c in zip(names, plots.COLOURS)] + [("encode, then descend", "#333", None), ("descend", "#333", "5 3")], 175)
        plots.save(f"{IMAGES}/latents-inversion.svg", 1410, 346, parts)
    if "probe" in results:
        lines = []
        for name, colour in zip([f"codes of {m}" for m in METHODS] + ["pixels"], plots.COLOURS):
            if name in results["probe"]["rows"]:
                row = results["probe"]["rows"][name]
                points = [(p["labels"], p["mean"]) for p in row["few"]] + [(results["probe"]["train"], row["linear"]["value"])]
                lines.append((points, colour, "5 3" if name == "pixels" else None, name.replace("codes of ", "")))
        parts = plots.panel(0, "linear probe of codes", "labels", "accuracy", [(*line[:3], None) for line in lines], log_y=False, size=(420, 260))
        parts += [part for i, line in enumerate(lines) for part in plots.legend(500, 50 + 22 * i, [(line[3], line[1], line[2])])]
        plots.save(f"{IMAGES}/latents-labels.svg", 680, 350, parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", default=f"{ROOT}/build/flagship")
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--train", type=int, default=5000)
    parser.add_argument("--part", default="probe,inversion")
    a = parser.parse_args()
    found = models(a)
    results = {}
    if os.path.exists(RESULT):
        with open(RESULT) as f:
            results = json.load(f)
    for part, make in (("probe", probe), ("inversion", inversion)):
        if part not in a.part.split(","):
            continue
        results[part] = make(a, found)
        with open(RESULT, "w") as f:
            json.dump(results, f, indent=1)
            f.write("\n")
    if "inversion" in a.part:
        failures(a, found)
    draw(results)
    figures.main(["write"])


if __name__ == "__main__":
    main()
