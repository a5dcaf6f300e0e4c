#!/usr/bin/python3
"""Transfer against training from scratch: FID along the run with 100, 1,000 and all images of the new domain. Writes
docs/results/transfer.json, docs/images/transfer.svg and docs/images/transfer-*.png. Needs Pillow.

usage: OBVERSE_DATA=FOLDER studies/transfer.py [--pairs mnist-to-fashion-mnist] [--seeds 3] [--kimg 60] [--runs runs/transfer]

OBVERSE_DATA holds mnist/, and emoji/ for the second pair. Every run has the same networks, step sizes and number of images shown; `freeze` holds
D's first layer. FID is against all of the data, in the features of the new domain's own classifier, or of random ones where it has no labels. What
is in the file is not trained again.
"""
import argparse
import glob
import json
import os
import subprocess
import sys

from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/docs")
sys.dont_write_bytecode = True
import plots  # noqa: E402

RESULT = f"{ROOT}/docs/results/transfer.json"
RECIPE = """
name = "{name}"
[data]
{data}
[game]
z_dim = 64
r1 = {{ weight = {r1} }}
augment = ["translation", "cutout"]
[generator]
kind = "dcgan"
channels = {up}
optimiser = {{ lr = 5e-4, beta1 = 0, beta2 = 0.99 }}
[discriminator]
kind = "dcgan"
channels = {down}
batch_norm = false
{init}optimiser = {{ lr = 5e-4, beta1 = 0, beta2 = 0.99 }}
[train]
batch = 32
ema_halflife_kimg = 3
snapshot_kimg = {snapshot}
checkpoint_kimg = 1000
[eval]
metrics = ["fid"]
samples = 5000
"""
SMALL = {"up": [128, 64], "down": [64, 128], "r1": 0.5, "init": ""}
# At 64x64 a D that begins with weights of .02 says nothing at first, then everything: G's samples are all alike until 10 kimg, on some
# seeds to the end. Weights by the fan-in (init_std = 0) and a heavier penalty give samples of many kinds by 6 kimg.
LARGE = {"up": [128, 64, 32, 16], "down": [16, 32, 64, 128], "r1": 1, "init": "init_std = 0\n"}
PAIRS = {"mnist-to-fashion-mnist": (SMALL, 'source = "mnist"', 'source = "fashion-mnist"'),
         "apple-to-google-emoji": (LARGE, 'source = "emoji-apple"', 'source = "emoji-google"')}
COUNTS, MODES = (100, 1000, 0), ("scratch", "transfer", "freeze")


def train(a, name, recipe, words):
    """The run folder of a recipe; trained now unless it is there."""
    folder = f"{a.runs}/{name}"
    os.makedirs(folder, exist_ok=True)
    path = f"{folder}/recipe.toml"
    with open(path, "w") as f:
        f.write(recipe)
    done = subprocess.run([a.program, "train", path, "--out", folder, "--quiet", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{name}: {done.stderr[-1000:]}")
    return done.stdout.strip().splitlines()[-1]


def curve(run):
    lines = []
    for path in glob.glob(f"{run}/metric-*fid*.jsonl"):
        with open(path) as f:
            lines += [json.loads(line) for line in f]
    return [[line["kimg"], next(iter(line["results"].values()))] for line in lines]


def draw(results):
    """A row of panels a pair, one for each number of images: FID along the run, means over seeds."""
    parts = []
    for row, (pair, result) in enumerate(results.items()):
        parts.append(f'<g transform="translate(0,{310 * row})">')
        for column, count in enumerate(str(c or "all") for c in COUNTS):
            lines = []
            for mode, colour in zip(MODES, plots.COLOURS):
                curves = [curve for key, curve in result["runs"].items() if key.startswith(f"{mode}-{count}-")]
                if curves:
                    points = [(at[0][0], sum(fid for _, fid in at) / len(at)) for at in zip(*curves)]
                    lines.append((points, colour, None, None))
            if lines:
                title = f"{pair.replace('-', ' ')}: {count} images"
                parts += plots.panel(350 * column, title, "thousand images shown", "FID" if column == 0 else "", lines, log_x=False)
        parts.append("</g>")
    names = ("from scratch", "transferred", "transferred, D's first layer frozen")
    parts += plots.legend(56, 310 * len(results) + 22, [(n, c, None) for n, c in zip(names, plots.COLOURS)], 200)
    plots.save(f"{ROOT}/docs/images/transfer.svg", 1050, 310 * len(results) + 36, parts)


def show(runs, pair, columns=16, lines=2):
    """Samples after the run, from scratch above and transferred below, of 1,000 images."""
    strips = []
    for mode in MODES[:2]:
        pictures = sorted(glob.glob(f"{runs}/{pair}-{mode}-1000-0/0*/fakes*.png"))
        if not pictures:
            return
        grid = Image.open(pictures[-1]).convert("RGB")
        side = 28 if "mnist" in pair else 64
        strips.append(grid.crop((0, 0, min(columns * side, grid.width), lines * side)))
    both = Image.new("RGB", (strips[0].width, 2 * strips[0].height + 8), "white")
    for i, strip in enumerate(strips):
        both.paste(strip, (0, i * (strip.height + 8)))
    if side == 28:
        both = both.resize((2 * both.width, 2 * both.height), Image.NEAREST)
    both.save(f"{ROOT}/docs/images/transfer-{pair}.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=f"{ROOT}/build/release/obverse")
    parser.add_argument("--runs", default=f"{ROOT}/runs/transfer")
    parser.add_argument("--pairs", default=",".join(PAIRS))
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)))
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kimg", type=float, default=60)
    parser.add_argument("--draw", action="store_true", help="only draws what was measured before")
    a = parser.parse_args()
    results = {}
    if os.path.exists(RESULT):
        with open(RESULT) as f:
            results = json.load(f)
    for pair in [] if a.draw else a.pairs.split(","):
        networks, old, new = PAIRS[pair]
        source = f"{a.runs}/{pair}-source"
        found = glob.glob(f"{source}/0*/")
        base = found[0] if found else None
        fill = dict(networks, snapshot=a.kimg / 6)
        if base is None:
            base = train(a, f"{pair}-source", RECIPE.format(name=pair, data=old, **fill),
                         ["--set", f"train.kimg={2 * a.kimg:g}", "--set", "eval.metrics=[]"])
        rows = results.setdefault(pair, {"kimg": a.kimg, "runs": {}})["runs"]
        for seed in range(a.seeds):
            for count in map(int, a.counts.split(",")):
                for mode in a.modes.split(","):
                    key = f"{mode}-{count or 'all'}-{seed}"
                    if key in rows:
                        continue
                    words = ["--set", f"train.kimg={a.kimg:g}", "--set", f"data.limit={count}", "--seed", str(seed)]
                    if mode != "scratch":
                        words += ["--init", os.path.abspath(base)]
                    if mode == "freeze":
                        words += ["--freeze-d", "1"]
                    rows[key] = curve(train(a, f"{pair}-{key}", RECIPE.format(name=pair, data=new, **fill), words))
                    print(pair, key, [round(v, 2) for _, v in rows[key]], flush=True)
                    with open(RESULT, "w") as f:
                        json.dump(results, f)
                        f.write("\n")
    draw(results)
    for pair in PAIRS:
        show(a.runs, pair)


if __name__ == "__main__":
    main()
