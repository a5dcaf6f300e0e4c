#!/usr/bin/python3
"""Which decoder explains test images: VAE against GAN on continuous MNIST, as Wu 2017 asks. Writes docs/results/likelihood.json.

usage: OBVERSE_DATA=FOLDER studies/likelihood.py [--program build/release/obverse] [--runs runs/likelihood] [--distributions 1000]

The same decoder (two dense layers of 256, tanh) is trained four times: as a VAE and as a GAN, with codes of 10 and of 50 numbers.
log p(x) of test images is bounded from below by annealed importance sampling with a Gaussian observation, whose standard deviation is
the best of nine for training images. The gap is between the lower and the upper bound on images that the decoder itself made.
"""
import argparse
import glob
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DECODER = '[generator]\nkind = "mlp"\nwidths = [256, 256]\nactivation = "tanh"\n'
VAE = """
[data]
source = "mnist"
[game]
kind = "vae"
likelihood = "gaussian"
z_dim = {z}
{decoder}optimiser = {{ lr = {{ from = 1e-3, to = 0, shape = "linear" }} }}
[encoder]
kind = "mlp"
widths = [512, 256]
[train]
kimg = {kimg}
batch = 100
"""
GAN = """
[data]
source = "mnist"
[game]
kind = "gan"
loss = "relativistic-pairing"
z_dim = {z}
r1 = {{ weight = 0.5 }}
r2 = {{ weight = 0.5 }}
{decoder}optimiser = {{ lr = {{ from = 5e-4, to = 0, shape = "linear" }}, beta1 = 0, beta2 = 0.99 }}
[discriminator]
kind = "mlp"
widths = [512, 256]
optimiser = {{ lr = {{ from = 1e-3, to = 0, shape = "linear" }}, beta1 = 0, beta2 = 0.99 }}
[train]
kimg = {kimg}
batch = 100
"""
COMMON = 'ema_halflife_kimg = 5\nsnapshot_kimg = 3000\ncheckpoint_kimg = 3000\nprecision = "float32"\n'


def run(words):
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: status {done.returncode}")
    return done.stdout


def trained(options, name, recipe):
    """The run folder; trained now, or trained further when it was stopped."""
    folder = os.path.join(options.runs, name)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{name}.toml")
    with open(path, "w") as f:
        f.write(f'name = "{name}"\n' + recipe + COMMON)
    found = glob.glob(f"{folder}/0*/")
    if not found:
        run([options.program, "train", path, "--out", folder, "--quiet"])
    elif not os.path.exists(f"{found[0]}/done"):
        run([options.program, "train", "--resume", found[0], "--quiet"])
    found = glob.glob(f"{folder}/0*/")
    open(f"{found[0]}/done", "w").close()
    return found[0]


def bounds(options, folder):
    words = [options.program, "likelihood", folder, "--json", "--samples", str(options.samples), "--simulated", str(options.simulated),
             "--chains", str(options.chains), "--distributions", str(options.distributions)]
    line = json.loads(run(words))[0]
    result = {line["label"][name].replace(" ", "_"): {"value": value, "low": line["low"][name], "high": line["high"][name]}
              for name, value in line["results"].items()}
    values = next(iter(line.get("details", {}).values()), {})
    return {**result, "samples": list(values.values()), "protocol": line["protocol"], "seconds": line["total_time"]}


def paired(a, b):
    """Mean difference of two decoders on the same images, with its standard error."""
    apart = [x - y for x, y in zip(a["samples"], b["samples"])]
    mean = sum(apart) / len(apart)
    return {"value": mean, "error": (sum((d - mean) ** 2 for d in apart) / (len(apart) - 1) / len(apart)) ** 0.5}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=f"{ROOT}/build/release/obverse")
    parser.add_argument("--runs", default=f"{ROOT}/runs/likelihood")
    parser.add_argument("--only", default="", help="vae-10,gan-50: some of the four; the others are kept as the file has them")
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--simulated", type=int, default=16)
    parser.add_argument("--chains", type=int, default=8)
    parser.add_argument("--distributions", type=int, default=1000)
    parser.add_argument("--kimg", type=int, default=1000)
    options = parser.parse_args()
    path = f"{ROOT}/docs/results/likelihood.json"
    results = {}
    if options.only and os.path.exists(path):
        with open(path) as f:
            results = json.load(f)
    for z in (10, 50):
        for kind, recipe in (("vae", VAE), ("gan", GAN)):
            name = f"{kind}-{z}"
            if options.only and name not in options.only.split(","):
                continue
            folder = trained(options, name, recipe.format(z=z, decoder=DECODER, kimg=options.kimg))
            results[name] = {"kind": kind.upper(), "codes": z, **bounds(options, folder)}
            if kind == "gan" and f"vae-{z}" in results:
                results[name]["vae_above"] = paired(results[f"vae-{z}"], results[name])
            print(name, json.dumps(results[name]), flush=True)
            with open(path, "w") as f:
                json.dump(results, f, indent=1)
                f.write("\n")


if __name__ == "__main__":
    main()
