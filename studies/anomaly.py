#!/usr/bin/python3
"""One-class anomaly detection by every method: train on one class, test on all. Writes docs/results/anomaly.json.

usage: OBVERSE_DATA=FOLDER studies/anomaly.py [--data mnist] [--program build/release/obverse] [--runs runs/anomaly] [--classes 0,1,...] [--minutes M]
       OBVERSE_DATA=FOLDER studies/anomaly.py --speed   on a quiet machine, when the models are there: docs/results/anomaly_speed.json

For each class five small models are trained (VAE, WGAN-GP, its encoder after the fact, BiGAN, flow) on nine tenths of the class's
training images; the last tenth sets the threshold. Every method then scores the whole test set; AnoGAN, which optimises each image's
code, its first 1,000 images. Nothing is chosen by looking at anomalies: every class has the same settings. What is done is kept in the runs' folders and
in the JSON, so a stopped study goes on where it was; --minutes stops it in time. `docs/figures.py write` then puts the table into docs/anomaly.md.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENCODER = '[encoder]\nkind = "mlp"\nwidths = [512, 256]\n'
# Convolutions where samples are judged: generators of dense layers leave AnoGAN's family far behind its published figures.
DCGAN = '[generator]\nkind = "dcgan"\nchannels = [128, 64, 32]\n'
DCGAN_ENCODER = '[encoder]\nkind = "dcgan"\nchannels = [32, 64, 128]\n'
DCGAN_CRITIC = '[discriminator]\nkind = "dcgan"\nchannels = [32, 64, 128]\n'
OPTIMISER = 'optimiser = {{ lr = {{ from = {lr}, to = 0, shape = "linear" }}, beta1 = {beta1}, beta2 = {beta2} }}\n'


def optimiser(lr, beta1=0.9, beta2=0.99):
    return OPTIMISER.format(lr=lr, beta1=beta1, beta2=beta2)


MODELS = {
    "vae": (150, 100, '[game]\nkind = "vae"\nlikelihood = "gaussian"\nz_dim = 32\n[generator]\nkind = "mlp"\nwidths = [256, 512]\n' + optimiser(1e-3) + ENCODER),
    "gan": (60, 32, '[game]\nkind = "gan"\nloss = "wasserstein"\nz_dim = 32\ncritic_steps = 2\nwgan-gp = { weight = 10 }\n' + DCGAN + optimiser(5e-4, 0, 0.9)
            + DCGAN_CRITIC + 'batch_norm = false\ninit_std = 0\n' + optimiser(5e-4, 0, 0.9)),
    "encoder": (40, 64, '[game]\nkind = "encoder"\nmodel = "@gan@"\nlatent_weight = 0\nimage_weight = 1\nfeature_weight = 1\n' + DCGAN_ENCODER
                + 'batch_norm = false\ninit_std = 0\n' + optimiser(1e-3)),
    "bigan": (30, 32, '[game]\nkind = "two-way"\nz_dim = 32\n' + DCGAN + optimiser(1e-3, 0.5) + DCGAN_ENCODER
              + DCGAN_CRITIC + 'pair = { code_widths = [128], widths = [256], init_std = 0.02 }\n' + optimiser(1e-3, 0.5)),
    "flow": (50, 100, '[game]\nkind = "flow"\n[flow]\nkind = "maf"\nlayers = 5\nwidths = [512]\n' + optimiser(1e-3)),
}
# name in the table, model, method of `obverse anomaly fit`, further options, images scored (0: all)
METHODS = [
    ("AnoGAN", "gan", "anogan", ["--steps", "20", "--restarts", "1"], 1000),
    ("f-AnoGAN", "encoder", "f-anogan", [], 0),
    ("EGBAD", "bigan", "egbad", [], 0),
    ("ALAD, D after the fact", "bigan", "alad", [], 0),
    ("GANomaly, E2 after the fact", "bigan", "ganomaly", [], 0),
    ("BiGAN-type, reconstruction", "bigan", "reconstruction", [], 0),
    ("BiGAN-type, density of codes", "bigan", "code-mixture", [], 0),
    ("VAE, reconstruction", "vae", "reconstruction", [], 0),
    ("VAE, reconstruction probability", "vae", "reconstruction-probability", [], 0),
    ("VAE, ELBO", "vae", "elbo", [], 0),
    ("VAE, density of codes", "vae", "code-mixture", [], 0),
    ("VAE, nearest codes", "vae", "code-neighbours", [], 0),
    ("flow, likelihood", "flow", "likelihood", ["--draws", "1"], 0),
    ("flow, typicality", "flow", "typicality", ["--draws", "1"], 0),
    ("pixels, nearest neighbours", "vae", "pixel-neighbours", [], 0),
    ("histograms of gradients", "vae", "oriented", [], 0),
    ("ours: histograms of gradients and VAE codes", "vae", "oriented-code", [], 0),
]


def run(words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def trained(options, name, label):
    """The run folder of a model of one class; trained now unless it was."""
    folder = os.path.join(options.runs, options.data, f"{name}-{label}")
    found = glob.glob(f"{folder}/0*/")
    kimg, batch, tables = MODELS[name]
    if "@gan@" in tables:
        tables = tables.replace("@gan@", trained(options, "gan", label))
    recipe = (f'name = "{name}-{label}"\n[data]\nsource = "{options.data}"\nclasses = [{label}]\nheld_out = 0.1\n{tables}'
              f'[train]\nkimg = {kimg * options.share:g}\nbatch = {batch}\nsnapshot_kimg = 100000\ncheckpoint_kimg = 100000\nstats_kimg = 10\nmonitors = false\n')
    path = f"{folder}/recipe.toml"
    if found:
        with open(path) as f:
            if f.read() != recipe:
                sys.exit(f"{folder}: is of another recipe: move it away, or name another --runs")
        if os.path.exists(f"{found[0]}/done"):
            return found[0]
    os.makedirs(folder, exist_ok=True)
    with open(path, "w") as f:
        f.write(recipe)
    start = time.time()
    if found:
        run([options.program, "train", "--resume", found[0], "--quiet"])
    else:
        run([options.program, "train", path, "--out", folder, "--quiet"])
    found = glob.glob(f"{folder}/0*/")
    with open(f"{found[0]}/done", "w") as f:
        f.write(f"{time.time() - start:.1f}\n")
    return found[0]


def training_seconds(folder):
    with open(f"{folder}/stats.jsonl") as f:
        return json.loads(f.read().strip().splitlines()[-1])["Timing/total_sec"]["mean"]


def scored(options, folder, method, extra, count):
    out = os.path.join(folder, f"anomaly-{method}")
    if not os.path.exists(f"{out}/summary.json"):
        run([options.program, "anomaly", "fit", folder, "--method", method, "--out", out, *extra])
        run([options.program, "anomaly", "score", out, "--count", str(count)])
    with open(f"{out}/summary.json") as f:
        summary = json.load(f)
    detection = summary["detection"]
    result = {key: detection[key]["value"] if detection[key] else None for key in ("auroc", "auprc", "precision", "recall", "false_alarms")}
    result.update(low=detection["auroc"]["low"], high=detection["auroc"]["high"], seconds_per_sample=summary["seconds_per_sample"], samples=summary["samples"])
    return result


def measure_speed(options, label, repeats=5):
    """Seconds an image of AnoGAN as published, one image after another by so many steps of Adam (Schlegl 2017), and of the methods here. One thread."""
    generator = trained(options, "gan", label)
    book, steps = [], 500
    for seed in range(repeats):
        out = json.loads(run([options.program, "invert", generator, "--count", "1", "--batch", "1", "--restarts", "1", "--descent", "adam", "--lr", "0.01", "--steps", str(steps),
                              "--features", "0.1", "--seed", str(seed), "--out", os.path.join(options.runs, "speed"), "--json"]))
        book.append(out["seconds_per_image"] / out["steps_mean"] * steps)  # where it was done before them all
    speeds = {"AnoGAN as published": sorted(book)[repeats // 2]}
    for name, model, method, _, count in METHODS:
        if model in ("gan", "encoder", "bigan"):
            out = os.path.join(trained(options, model, label), f"anomaly-{method}")
            times = []
            for _ in range(repeats):
                run([options.program, "anomaly", "score", out, "--count", str(count or 2000), "--out", os.path.join(options.runs, "speed")])
                with open(os.path.join(options.runs, "speed", "summary.json")) as f:
                    times.append(json.load(f)["seconds_per_sample"])
            speeds[name] = sorted(times)[repeats // 2]
    with open(f"{ROOT}/docs/results/anomaly_speed.json", "w") as f:
        json.dump(speeds, f, indent=1)
        f.write("\n")
    print(speeds)


def mean_of(results, key):
    return sum(r[key] for r in results.values()) / len(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=f"{ROOT}/build/release/obverse")
    parser.add_argument("--runs", default=f"{ROOT}/runs/anomaly")
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--classes", default="0,1,2,3,4,5,6,7,8,9")
    parser.add_argument("--methods", default="", help="names of anomaly methods, with commas; none: all")
    parser.add_argument("--models", default=",".join(MODELS), help="methods of these models alone")
    parser.add_argument("--share", type=float, default=1, help="of the training budget")
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--speed", action="store_true", help="seconds an image, of the first of the classes alone")
    options = parser.parse_args()
    if options.speed:
        os.environ["OMP_NUM_THREADS"] = "1"
        return measure_speed(options, options.classes.split(",")[0])
    path = f"{ROOT}/docs/results/anomaly.json"
    stop = time.time() + 60 * options.minutes
    for label in options.classes.split(","):
        for name, model, method, extra, count in METHODS:
            if model not in options.models.split(",") or (options.methods and method not in options.methods.split(",")):
                continue
            if time.time() > stop:
                sys.exit("stopped in time: run it again to go on")
            folder = trained(options, model, label)
            result = scored(options, folder, method, extra, count)
            results = {}
            if os.path.exists(path):
                with open(path) as f:
                    results = json.load(f)
            rows = results.setdefault(options.data, {})
            row = rows.setdefault(name, {"method": method, "model": model, "classes": {}, "training_seconds": {}})
            row["classes"][label] = result
            row["training_seconds"][label] = training_seconds(folder)
            trained_models = ("gan", "encoder") if model == "encoder" else (model,)
            images = sum(MODELS[m][0] for m in trained_models) * options.share
            row["kimg"] = 0 if method in ("pixel-neighbours", "oriented") else images  # 0: needs no model
            for key in ("auroc", "auprc", "seconds_per_sample"):
                row[key] = mean_of(row["classes"], key)
            results[options.data] = {n: rows[n] for n, *_ in METHODS if n in rows}  # in the table's order
            with open(path, "w") as f:
                json.dump(results, f, indent=1)
                f.write("\n")
            print(label, name, f"{result['auroc']:.4f}", flush=True)


if __name__ == "__main__":
    main()
