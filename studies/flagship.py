#!/usr/bin/python3
"""The two-way game against BiGAN, ALI, VAE and VAE/GAN, and GANs with an encoder beside or after them: the same generator and encoder, the
same minutes of one core.
Writes docs/results/flagship.json, docs/images/flagship-*.png and studies/flagship.md.

usage: studies/flagship.py [--minutes 8] [--seeds 3] [--data fashion-mnist,mnist] [--only "two-way;vae"] [--runs build/flagship]

Minutes are of processor time, one thread: each method's images a minute are measured first, and its run is as long as they allow, so that its
schedules end where they should whatever else the machine does. Rows that are in the JSON with the same minutes are not made again. Needs
NumPy and Pillow; MNIST where OBVERSE_DATA says (docs/inference.md).
"""
import argparse
import json
import os
import resource
import struct
import subprocess
import sys
import tomllib

import numpy as np
from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/docs")
sys.dont_write_bytecode = True
import figures  # noqa: E402
import plots  # noqa: E402
import flagship_tables  # noqa: E402

PROGRAM, RESULT = f"{ROOT}/build/release/obverse", f"{ROOT}/docs/results/flagship.json"
# A recipe and what is changed of it. The first of a family is as its recipe ships it; the others are its sweep.
METHODS = {
    "two-way": ("two-way-fashion", []),
    "bigan": ("ali-fashion", ["game.stochastic=false"]),
    "ali": ("ali-fashion", []),
    "vae": ("vae-fashion", []),
    "vae, beta 0.3": ("vae-fashion", ["game.beta=0.3"]),
    "vae, beta 3": ("vae-fashion", ["game.beta=3"]),
    "vae-gan": ("vae-gan-fashion", []),
    "vae-gan, KL x 4": ("vae-gan-fashion", ["game.kl_weight=0.2"]),
    "vae-gan, pixels": ("vae-gan-fashion", ["game.image_weight=1"]),
    "bigan, D as two-way's": ("ali-fashion", ["game.stochastic=false", "discriminator.channels=[32,64,128]"]),
    "ali, D as two-way's": ("ali-fashion", ["discriminator.channels=[32,64,128]"]),
    "gan": ("fashion-dcgan", ["game.z_dim=64"]),
    "gan with regressor": ("joint-regressor-fashion", []),
    "gan then encoder": ("fashion-mnist-encoder", []),
}
SWEPT = [method for method in METHODS if "," in method]  # other weights or networks: one seed
NARROWER = 1  # 2: half as wide as the recipes have them, where it has to be quick; G then has no room for cycles and samples both
HELD = 0.3  # the share of its run for which every method's step sizes stay as its recipe begins them; then they fall
ENCODER_SHARE = 0.25  # of the minutes, where an encoder is trained when the GAN is done
OTHER = {"fashion-mnist": "mnist", "mnist": "fashion-mnist"}
BUDGET_MS = 50


def run(*words):
    """What the program prints, and the processor seconds it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, env=dict(os.environ, OMP_NUM_THREADS="1"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr[-2000:]}")
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def tables_of(recipe):
    with open(f"{ROOT}/recipes/{recipe}.toml", "rb") as f:
        return tomllib.load(f)


def alike(recipe):
    """Settings that make a recipe's networks narrower, and hold its step sizes."""
    tables = tables_of(recipe)
    widths = [f"{name}.channels={[n // NARROWER for n in table['channels']]}" for name, table in tables.items() if "channels" in table]
    steps = [f"{name}.optimiser.lr={{from={table['optimiser']['lr']['from']}, to=0, start={HELD}, over={1 - HELD}, shape='linear'}}"
             for name, table in tables.items() if "optimiser" in table]
    return widths + steps


def train(data, method, seed, kimg, folder, more=()):
    """A run's folder, and the processor seconds it took."""
    recipe, changes = METHODS[method]
    changes = [*alike(recipe), *changes]
    settings = [f'data.source="{data}"', f"train.kimg={kimg}", f"train.ema_halflife_kimg={min(5, kimg / 20)}", "train.snapshot_kimg=100000",
                "train.checkpoint_kimg=100000", "train.monitors=false", "eval.metrics=[]", *changes, *more]
    out, seconds = run("train", f"{ROOT}/recipes/{recipe}.toml", "--out", folder, "--seed", seed, "--quiet", *(w for s in settings for w in ("--set", s)))
    return out.strip().splitlines()[-1], seconds


def kimg_a_minute(data, method, folder, more):
    """Of processor time, start and end left out."""
    short, long = (train(data, method, 0, kimg, folder, more)[1] for kimg in (1, 6))
    return 60 * 5 / (long - short)


def train_for(minutes, data, method, seed, runs, rates, more=()):
    """The run's folder, its thousand images and its processor seconds; rates are added to as they are found."""
    before = 0
    if method == "gan then encoder":
        path, _, before = train_for((1 - ENCODER_SHARE) * minutes, data, "gan", seed, f"{runs}/before", rates)
        minutes, more = ENCODER_SHARE * minutes, [f'game.model="{path}"']
    rate = f"{data}/{method}"
    if rate not in rates:
        rates[rate] = kimg_a_minute(data, method, f"{runs}/rates", more)
    kimg = round(minutes * rates[rate], 1)
    path, seconds = train(data, method, seed, kimg, f"{runs}/{data}-{method}", more)
    return path, kimg, before + seconds


def parameters(path):
    """Numbers that are learned in each network of a model file."""
    with open(path, "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
    counts = {}
    for name, tensor in header.items():
        if name != "__metadata__" and "running" not in name:
            network = name.split(".")[0]
            counts[network] = counts.get(network, 0) + int(np.prod(tensor["shape"]))
    return counts


def values(*words):
    return {line["label"][key]: value for line in json.loads(run("eval", *words, "--json")[0]) for key, value in line["results"].items()}


def errors(path, data, count, folder):
    """Of each of `count` test images of a data set, by the encoder."""
    run("invert", path, "--data", data, "--count", count, "--method", "encode", "--out", folder)
    return np.load(f"{folder}/latents.npz")["mse"]


def auroc(inside, outside):
    """The probability that an image of other data has the larger error."""
    return float((np.searchsorted(np.sort(inside), outside, "left") + np.searchsorted(np.sort(inside), outside, "right")).mean() / (2 * len(inside)))


def measure(path, data, method, folder):
    if method == "gan":
        found = values(path, "--metrics", "fid,dc", "--samples", 10000)
        return {"fid": found["fid"], "coverage": found["coverage"]}
    found = values(path, "--metrics", "fid,dc,inference", "--samples", 10000, "--probe", "codes")
    refined = values(path, "--metrics", "inference", "--method", "hybrid", "--restarts", 1, "--budget-ms", BUDGET_MS, "--inverted", 200, "--probe", "none")
    row = {"fid": found["fid"], "coverage": found["coverage"], "mse": found["mse"], "features": found["feature distance"],
           "refined mse": refined["mse"], "refined features": refined["feature distance"], "own codes": found["own code distance"],
           "code mmd": found["code mmd"], "1-nn": found["1-nn on codes"], "linear": found["linear probe on codes"],
           "anomaly": auroc(errors(path, data, 1000, folder), errors(path, OTHER[data], 1000, folder))}
    if method.startswith("vae") and not method.startswith("vae-gan"):
        row["bits"] = values(path, "--metrics", "likelihood", "--bound-samples", 10)["bits per dim"]
    return row


def draw(path, folder):
    """32 samples in four rows, and 16 test images over their reconstructions in two: one picture each."""
    run("sample", path, "--seeds", "0-31", "--grid", f"{folder}/samples.png", "--columns", 8)
    run("invert", path, "--count", 16, "--columns", 8, "--method", "encode", "--out", folder)
    cells = [np.array(Image.open(f"{folder}/{name}.png")) for name in ("samples", "originals", "reconstructions")]
    pairs = np.concatenate([cells[k][28 * i:28 * i + 28] for i in (0, 1) for k in (1, 2)])
    gap = np.full((len(pairs), 14), 255, np.uint8)
    return np.concatenate([cells[0], gap, pairs], 1)


def page(data, folder):
    """Seed 0 of every method below one another."""
    names = [m for m in METHODS if os.path.exists(f"{folder}/{data}-{m}.npy") and "," not in m and not m.startswith("gan")]
    parts = []
    for name in names:
        picture = np.load(f"{folder}/{data}-{name}.npy")
        parts += [picture, np.full((14, picture.shape[1]), 255, np.uint8)]
    if parts:
        Image.fromarray(np.concatenate(parts[:-1])).save(f"{ROOT}/docs/images/flagship-{data}.png", optimize=True)
    return names


def draw_price(results, data="fashion-mnist"):
    """Of the methods with codes: FID against the distance of found codes."""
    rows = {method: flagship_tables.means_of(results, data, method) for method in flagship_tables.PRICED}
    coded = {method: row for method, row in rows.items() if "own codes" in row}
    lines = [([(row["own codes"], row["fid"])], colour, None, method) for (method, row), colour in zip(coded.items(), plots.COLOURS)]
    if lines:
        if "fid" in rows["gan"]:
            xs = [points[0][0] for points, *_ in lines]
            lines.append(([(min(xs), rows["gan"]["fid"]), (max(xs), rows["gan"]["fid"])], "#888888", "5 3", "gan"))
        plots.save(f"{ROOT}/docs/images/encoders-price.svg", 500, 340,
                   plots.panel(0, data, "own codes: distance a number", "FID", lines, log_x=False, log_y=False, size=(420, 250)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", default="fashion-mnist,mnist")
    parser.add_argument("--only", default="all", help="names parted by semicolons")
    parser.add_argument("--runs", default=f"{ROOT}/build/flagship")
    a = parser.parse_args()
    methods = list(METHODS) if a.only == "all" else a.only.split(";")
    for method in methods:
        if method not in METHODS:
            sys.exit(f"--only {method}: none of {', '.join(METHODS)}")
    os.makedirs(a.runs, exist_ok=True)
    results = {"minutes": a.minutes, "narrower": NARROWER, "budget_ms": BUDGET_MS, "rates": {}, "rows": {}, "pictures": {}}
    if os.path.exists(RESULT):
        with open(RESULT) as f:
            before = json.load(f)
        if (before["minutes"], before.get("narrower")) == (a.minutes, NARROWER):
            results = before

    def save():
        with open(RESULT, "w") as f:
            json.dump(results, f, indent=1)
            f.write("\n")

    for seed in range(a.seeds):  # all methods of one seed first: a table that is stopped early compares like with like
        for data in a.data.split(","):
            for method in methods:
                key = f"{data}/{method}/{seed}"
                if key in results["rows"] or (seed > 0 and method in SWEPT):
                    continue
                path, kimg, seconds = train_for(a.minutes, data, method, seed, a.runs, results["rates"])
                row = {"kimg": kimg, "seconds": seconds, "parameters": parameters(f"{path}/model.safetensors"),
                       **measure(path, data, method, f"{a.runs}/inversion")}
                if seed == 0 and method != "gan":
                    np.save(f"{a.runs}/{data}-{method}.npy", draw(path, f"{a.runs}/inversion"))
                    results["pictures"][data] = page(data, a.runs)
                results["rows"][key] = row
                save()
                print(key, {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}, file=sys.stderr, flush=True)
    draw_price(results)
    figures.main(["write"])


if __name__ == "__main__":
    main()
