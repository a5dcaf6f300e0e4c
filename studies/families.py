#!/usr/bin/python3
"""A GAN, a VAE and a flow on one footing: samples, likelihood, stability, what codes are good for. Fashion-MNIST, the same processor
minutes for each. Writes docs/results/families.json, docs/images/families.png and studies/families.md.

usage: studies/families.py [--minutes 2] [--seeds 2] [--runs build/families]

Each is trained at its recipe's step size, at a quarter and at four times that; a run that ends in an error counts as failed. What is in the file
with the same minutes is not made again. Needs NumPy and Pillow.
"""
import argparse
import json
import os
import sys

from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import flagship  # noqa: E402

ROOT, DATA = flagship.ROOT, "fashion-mnist"
RESULT = f"{ROOT}/docs/results/families.json"
FAMILIES = {"gan": ("fashion-dcgan", ["game.z_dim=64"]), "vae": ("vae-fashion", []), "flow": ("realnvp-mnist", [])}
SCALES = (1, 0.25, 4)
SAMPLES, TIMED = 2000, 1000


def steps_times(recipe, scale):
    """Settings that begin every player's step size at `scale` times the recipe's."""
    tables = flagship.tables_of(recipe)
    return [f"{name}.optimiser.lr={{from={scale * table['optimiser']['lr']['from']}, to=0, start={flagship.HELD}, over={1 - flagship.HELD}, shape='linear'}}"
            for name, table in tables.items() if "optimiser" in table]


def milliseconds_a_sample(path, folder):
    few, many = (flagship.run("sample", path, "--seeds", f"0-{n - 1}", "--grid", f"{folder}/timed.png")[1] for n in (1, TIMED + 1))
    return 1000 * (many - few) / TIMED


def effects(path, folder):
    """Moving along the ways that class means give: means over the classes of what each does."""
    lines = json.loads(flagship.run("edit", "find", path, "--kind", "mean", "--codes", 2000, "--samples", 128, "--out", f"{folder}/ways", "--json")[0])
    found = lines["directions"] if isinstance(lines, dict) else lines
    return {key: sum(way[key] for way in found) / len(found) for key in ("gain", "kept", "others")}


def measure(path, family, folder, whole):
    """whole: all of it, not samples alone."""
    found = flagship.values(path, "--metrics", "fid,dc", "--samples", SAMPLES)
    row = {"fid": found["fid"], "coverage": found["coverage"]}
    if not whole:
        return row
    how = ["--method", "optimise"] if family == "gan" else []
    codes = flagship.values(path, "--metrics", "inference", *how, "--inverted", 200, "--probe", "none")
    row.update(mse=codes["mse"], infer_ms=1000 * codes["seconds an image"], sample_ms=milliseconds_a_sample(path, folder), **effects(path, folder))
    if family != "gan":
        row["bits"] = flagship.values(path, "--metrics", "likelihood", "--bound-samples", 1)["bits per dim"]
    return row


def draw(folders):
    """Sixteen samples of each family in a row."""
    rows = []
    for family, folder in folders:
        flagship.run("sample", folder, "--seeds", "0-31", "--grid", f"{folder}/shown.png", "--columns", 16)
        rows.append(Image.open(f"{folder}/shown.png").convert("L"))
    page = Image.new("L", (rows[0].width, sum(r.height + 8 for r in rows) - 8), 255)
    for i, row in enumerate(rows):
        page.paste(row, (0, i * (row.height + 8)))
    page.resize((2 * page.width, 2 * page.height), Image.NEAREST).save(f"{ROOT}/docs/images/families.png", optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--runs", default=f"{ROOT}/build/families")
    a = parser.parse_args()
    os.makedirs(a.runs, exist_ok=True)
    flagship.METHODS.update(FAMILIES)
    results = {"minutes": a.minutes, "samples": SAMPLES, "rates": {}, "folders": {}, "rows": {}}
    if os.path.exists(RESULT):
        with open(RESULT) as f:
            before = json.load(f)
        if before["minutes"] == a.minutes:
            results = before
    for scale in SCALES:
        for seed in range(a.seeds):
            for family, (recipe, _) in FAMILIES.items():
                key = f"{family}/{scale}/{seed}"
                if key in results["rows"]:
                    continue
                try:
                    path, kimg, seconds = flagship.train_for(a.minutes, DATA, family, seed, a.runs, results["rates"], steps_times(recipe, scale))
                    row = {"kimg": kimg, "seconds": seconds, "parameters": flagship.parameters(f"{path}/model.safetensors"),
                           **measure(path, family, a.runs, scale == 1)}
                    if scale == 1 and seed == 0:
                        results["folders"][family] = os.path.relpath(path, a.runs)
                except SystemExit as failed:
                    row = {"failed": str(failed).strip().splitlines()[-1]}
                results["rows"][key] = row
                with open(RESULT, "w") as f:
                    json.dump(results, f, indent=1)
                    f.write("\n")
                print(key, {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}, file=sys.stderr, flush=True)
    folders = {family: f"{a.runs}/{folder}" for family, folder in results["folders"].items()}
    if all(map(os.path.exists, folders.values())):
        draw(list(folders.items()))
    flagship.figures.main(["write"])


if __name__ == "__main__":
    main()
