#!/usr/bin/env bash
# The whole way through on Fashion-MNIST: train a generator, measure it, learn to run it backwards, write a report.
# usage: ./demo.sh [FOLDER OF RUNS]; further recipes: DEMO_RECIPE, DEMO_ENCODER.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
obverse=build/release/obverse
out="${1:-runs}"
started=$(date +%s)
step() { printf '\n== %s  (%d s so far)\n' "$1" "$(($(date +%s) - started))"; }

step "the data"
"$obverse" data info fashion-mnist

step "the classifier that judges samples"
"$obverse" features train fashion-mnist

step "training the generator"
run=$("$obverse" train "${DEMO_RECIPE:-recipes/fashion-mnist.toml}" --out "$out")

step "training an encoder for it"
encoder=$("$obverse" train "${DEMO_ENCODER:-recipes/fashion-mnist-encoder.toml}" --set "game.model=\"$run\"" --out "$out")

step "measuring 10,000 samples"
"$obverse" eval "$run" --metrics fid,kid,pr,dc,classes --samples 10000

step "running it backwards on test images"
for method in encode optimise hybrid; do
  "$obverse" invert "$encoder" --data fashion-mnist --count 96 --method $method --out "$run/inversion-$method"
done

step "report"
"$obverse" report "$run"
printf '\nfinished in %d s; open %s/report.html\n' "$(($(date +%s) - started))" "$run"
