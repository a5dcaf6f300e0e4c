#!/usr/bin/python3
"""Each adversarial loss with and without each remedy, on the ring, the grid and Fashion-MNIST, several seeds. Writes
docs/results/remedies.json, docs/images/remedies.svg and studies/remedies.md.

usage: studies/remedies.py [--data ring,grid] [--losses ...] [--remedies ...] [--seeds 2] [--jobs 1]

One base of networks and step sizes for all, without penalty or norm, so that what changes is the remedy. D sees the plane through Fourier features, as
in the recipes of the mixtures: sharp enough to tell the modes apart, it lets a game without remedy collapse. Garments, which cost most, take two losses alone. What is kept in the file is not trained again.
A run that the monitors end, or whose values are not finite, counts as diverged. Balance: D's mean logit on real less on
generated samples, in the quarters of a run.
"""
import argparse
import concurrent.futures
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/docs")
sys.dont_write_bytecode = True
import figures  # noqa: E402
import plots  # noqa: E402

PROGRAM = f"{ROOT}/build/release/obverse"
RESULTS = f"{ROOT}/docs/results/remedies.json"

POINTS = """
[data]
source = "{data}"
[game]
z_dim = 2
[generator]
kind = "mlp"
widths = [128, 128]
activation = "relu"
bias_spread = 1
optimiser = {{ lr = {{ from = 1e-3, to = 0 }}, beta1 = 0, beta2 = 0.99 }}
[discriminator]
kind = "mlp"
widths = [128, 128]
bias_spread = 1
frequencies = 64
max_frequency = {frequency}
optimiser = {{ lr = {{ from = 1e-3, to = 0 }}, beta1 = 0, beta2 = 0.99 }}
[train]
batch = 64
ema_halflife_kimg = 3
precision = "float32"
[eval]
metrics = ["modes"]
samples = 2500
"""
IMAGES = """
[data]
source = "fashion-mnist"
[game]
z_dim = 64
[generator]
kind = "dcgan"
channels = [64, 32]
optimiser = {{ lr = {{ from = 1e-3, to = 0 }}, beta1 = 0, beta2 = 0.99 }}
[discriminator]
kind = "dcgan"
channels = [32, 64]
batch_norm = false
init_std = 0
optimiser = {{ lr = {{ from = 1e-3, to = 0 }}, beta1 = 0, beta2 = 0.99 }}
[train]
batch = 64
ema_halflife_kimg = 5
[eval]
metrics = ["fid", "dc"]
samples = 2000
"""
LOSSES = ["minimax", "non-saturating", "least-squares", "hinge", "wasserstein", "relativistic-average", "relativistic-pairing",
          "mmd", "f-gan-kl", "f-gan-reverse-kl", "f-gan-jensen-shannon", "f-gan-pearson", "f-gan-squared-hellinger",
          "f-gan-total-variation"]
GARMENT_LOSSES = ["non-saturating", "relativistic-pairing"]
KIMG = {"ring": 120, "grid": 120, "fashion-mnist": 60}
REMEDIES = {
    "none": [],
    "R1": ["game.r1.weight=1"],
    "R1 + R2": ["game.r1.weight=1", "game.r2.weight=1"],
    "WGAN-GP": ["game.wgan-gp.weight=10"],
    "DRAGAN": ["game.dragan.weight=10"],
    "spectral norm": ["discriminator.spectral_norm=true"],
    "clipped weights": ["discriminator.optimiser.clip_weights=0.1"],
    "packing 2": ["game.packing=2"],
    "minibatch discrimination": ["discriminator.minibatch_kernels=16"],
    "label smoothing": ["game.label_smoothing=0.1"],
    "instance noise": ["game.instance_noise={ from = 0.2, to = 0.0 }"],
    "optimistic": ["train.update=optimistic"],
    "extragradient": ["train.update=extragradient"],
    "consensus": ["train.update=consensus", "train.consensus_weight=1"],
}


def lines_of(path):
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [json.loads(line) for line in f]


def balance(run):
    """D's advantage in each quarter of the run."""
    lines = [line for line in lines_of(f"{run}/stats.jsonl") if "Loss/scores/real" in line]
    gaps = [line["Loss/scores/real"]["mean"] - line["Loss/scores/fake"]["mean"] for line in lines]
    quarter = max(1, len(gaps) // 4)
    return [statistics.mean(gaps[i * quarter:(i + 1) * quarter] or [float("nan")]) for i in range(4)]


def measured(run):
    found = {}
    for name in sorted(os.listdir(run)):
        if name.startswith("metric-"):
            found.update(lines_of(f"{run}/{name}")[-1]["results"])
    return found


def trial(data, loss, remedy, seed, kimg):
    folder = tempfile.mkdtemp()
    try:
        recipe = f"{folder}/{data}.toml"
        with open(recipe, "w") as f:
            f.write('name = "trial"\n' + (IMAGES if data == "fashion-mnist" else POINTS).format(data=data, frequency={"ring": 50}.get(data, 15)))
        words = [PROGRAM, "train", recipe, "--seed", str(seed), "--out", f"{folder}/runs", "--quiet", "--set", f"game.loss={loss}"]
        for change in [f"train.kimg={kimg}", f"train.snapshot_kimg={kimg}", f"train.checkpoint_kimg={kimg}",
                       f"train.stats_kimg={kimg / 40}"] + REMEDIES[remedy]:
            words += ["--set", change]
        done = subprocess.run(words, capture_output=True, text=True, env=dict(os.environ, OMP_NUM_THREADS="1"))
        run = f"{folder}/runs/00000-trial"
        result = {"data": data, "loss": loss, "remedy": remedy, "seed": seed, "kimg": kimg}
        if done.returncode == 2:
            return {**result, "refused": done.stderr.strip()}
        alarms = [f for f in lines_of(f"{run}/findings.jsonl") if f["severity"] == "alarm"]
        if done.returncode != 0 or any(f["action"].startswith("gave up") for f in alarms):
            return {**result, "diverged": alarms[-1]["cause"] if alarms else done.stderr.strip()[-200:]}
        return {**result, "alarms": len(alarms), "balance": balance(run), **measured(run)}
    finally:
        shutil.rmtree(folder)


def draw(results):
    """D's advantage in the quarters of a run, of the non-saturating loss: without a remedy, and with each that acts on D's slope."""
    shown = ["none", "R1", "R1 + R2", "WGAN-GP", "DRAGAN", "spectral norm", "clipped weights"]
    parts, left = plots.legend(40, 330, [(name, plots.COLOURS[i], None) for i, name in enumerate(shown)], step=120), 0
    for data in dict.fromkeys(t["data"] for t in results):
        lines = []
        for i, remedy in enumerate(shown):
            rows = [t["balance"] for t in results if (t["data"], t["loss"], t["remedy"]) == (data, "non-saturating", remedy) and "balance" in t]
            if rows:
                lines.append(([(q + 1, statistics.mean(r[q] for r in rows)) for q in range(4)], plots.COLOURS[i], None, None))
        if lines:
            parts += plots.panel(left, data, "quarter of the run", "D's logit, real less generated", lines, log_x=False, log_y=False)
            left += 350
    if left:
        plots.save(f"{ROOT}/docs/images/remedies.svg", max(left, 900), 350, parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="ring,grid,fashion-mnist")
    parser.add_argument("--losses", default="")
    parser.add_argument("--remedies", default=",".join(REMEDIES))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1)
    a = parser.parse_args()
    results = []
    if os.path.exists(RESULTS):
        with open(RESULTS) as f:
            results = json.load(f)
    key = ("data", "loss", "remedy", "seed", "kimg")
    done = {tuple(t[k] for k in key) for t in results}
    wanted = [(d, l, r, s, KIMG[d]) for s in range(a.seeds) for d in a.data.split(",") for r in a.remedies.split(",")
              for l in (a.losses.split(",") if a.losses else GARMENT_LOSSES if d == "fashion-mnist" else LOSSES)
              if (d, l, r, s, KIMG[d]) not in done]
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for t in pool.map(lambda w: trial(*w), wanted):
            results.append(t)
            print(*[t[k] for k in key], {k: v for k, v in t.items() if k not in key}, flush=True)
            with open(RESULTS + ".new", "w") as f:
                f.write("[\n" + ",\n".join(json.dumps(t) for t in results) + "\n]\n")
            os.replace(RESULTS + ".new", RESULTS)
    draw(results)
    figures.main(["write"])


if __name__ == "__main__":
    main()
