#!/usr/bin/python3
"""Each adversarial loss with and without each remedy, on the ring, the grid and Fashion-MNIST, several seeds. Writes
docs/results/remedies.json and studies/remedies.md.

usage: studies/remedies.py [--data ring,grid] [--losses ...] [--remedies ...] [--seeds 3] [--kimg 400] [--jobs 2]

One base of networks and step sizes for all, the plainest there is (no penalty, no batch norm, no Fourier features), so that
what changes is the remedy. What is kept in the file is not trained again. A run that the monitors end, or whose values
are not finite, counts as diverged. Balance: D's mean logit on real less on generated samples, in the quarters of a run.
"""
import argparse
import concurrent.futures
import json
import os
import shutil
import statistics
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
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
optimiser = {{ lr = 1e-3, beta1 = 0, beta2 = 0.99 }}
[discriminator]
kind = "mlp"
widths = [128, 128]
bias_spread = 1
optimiser = {{ lr = 1e-3, beta1 = 0, beta2 = 0.99 }}
[train]
batch = 128
ema_halflife_kimg = 5
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
optimiser = {{ lr = 1e-3, beta1 = 0, beta2 = 0.99 }}
[discriminator]
kind = "dcgan"
channels = [32, 64]
batch_norm = false
init_std = 0
optimiser = {{ lr = 1e-3, beta1 = 0, beta2 = 0.99 }}
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


def figures(run):
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
            f.write('name = "trial"\n' + (IMAGES if data == "fashion-mnist" else POINTS).format(data=data))
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
        return {**result, "alarms": len(alarms), "balance": balance(run), **figures(run)}
    finally:
        shutil.rmtree(folder)


def cell(trials):
    """What a table says of one loss with one remedy."""
    if any("refused" in t for t in trials):
        return "refused"
    lost, kept = [t for t in trials if "diverged" in t], [t for t in trials if "diverged" not in t]
    text = f"{len(lost)} of {len(trials)} diverged" if lost else ""
    if kept:
        def of(end):
            return [v for t in kept for k, v in t.items() if k.endswith(end) and isinstance(v, float)]
        if of("_modes"):
            score = f"{statistics.mean(of('_modes')):.1f} / {statistics.mean(of('high_quality')):.2f}"
        else:
            score = f"{statistics.mean(of('_fid') or of('fid')):.0f} / {statistics.mean(of('coverage')):.2f}"
        text = score + (f" ({text})" if text else "")
    return text


def write_page(results):
    page = ["# Which remedy helps which loss", "", __doc__.strip().split("\n\n")[-1], "",
            "Modes found and share of high quality on the mixtures, Fréchet distance and coverage on Fashion-MNIST; means over seeds.", ""]
    for data in sorted({t["data"] for t in results}):
        own = [t for t in results if t["data"] == data]
        remedies = [r for r in REMEDIES if any(t["remedy"] == r for t in own)]
        seeds, kimg = len({t["seed"] for t in own}), own[0]["kimg"]
        page += [f"## {data}, {kimg:g} kimg, {seeds} seeds", "", "| | " + " | ".join(remedies) + " |", "|---" * (len(remedies) + 1) + "|"]
        for loss in [name for name in LOSSES if any(t["loss"] == name for t in own)]:
            row = [cell([t for t in own if t["loss"] == loss and t["remedy"] == r]) if
                   any(t["loss"] == loss and t["remedy"] == r for t in own) else "" for r in remedies]
            page.append(f"| {loss} | " + " | ".join(row) + " |")
        page.append("")
    with open(f"{ROOT}/studies/remedies.md", "w") as f:
        f.write("\n".join(page))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="ring,grid,fashion-mnist")
    parser.add_argument("--losses", default=",".join(LOSSES))
    parser.add_argument("--remedies", default=",".join(REMEDIES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kimg", type=float, default=400)
    parser.add_argument("--jobs", type=int, default=2)
    a = parser.parse_args()
    results = []
    if os.path.exists(RESULTS):
        with open(RESULTS) as f:
            results = json.load(f)
    key = ("data", "loss", "remedy", "seed", "kimg")
    done = {tuple(t[k] for k in key) for t in results}
    wanted = [(d, l, r, s, a.kimg) for s in range(a.seeds) for d in a.data.split(",") for l in a.losses.split(",")
              for r in a.remedies.split(",") if (d, l, r, s, a.kimg) not in done]
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for t in pool.map(lambda w: trial(*w), wanted):
            results.append(t)
            print(*[t[k] for k in key], {k: v for k, v in t.items() if k not in key}, flush=True)
            with open(RESULTS + ".new", "w") as f:
                json.dump(results, f, indent=0)
            os.replace(RESULTS + ".new", RESULTS)
    write_page(results)


if __name__ == "__main__":
    main()
