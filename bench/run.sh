#!/usr/bin/env bash
# Times the parts that matter, whole commands on a quiet machine: training, sampling and inversion of the demo's networks.
# usage: bench/run.sh   (about two minutes; nothing is kept)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
obverse=build/release/obverse
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Mean of the rates in the lines of figures, the first left out.
rate() { sed -n 's/.*"Timing\/images_per_sec":{"num":1,"mean":\([0-9.]*\).*/\1/p' "$1/stats.jsonl" | awk 'NR > 1 { s += $1; n++ } END { printf "%.0f", s / n }'; }

echo "training, images a second:"
for precision in float32 bfloat16; do
  run=$("$obverse" train recipes/fashion-mnist.toml --out "$work" --quiet --precision $precision --set name=$precision --set train.kimg=10 \
    --set train.stats_kimg=2 --set train.monitors=false --set 'eval.metrics=[]' 2>/dev/null)
  printf '  fashion-mnist, %-9s %s\n' $precision "$(rate "$run")"
done
run=$("$obverse" train recipes/ring.toml --out "$work" --quiet --set train.kimg=128 --set train.stats_kimg=16 --set train.monitors=false --set 'eval.metrics=[]' 2>/dev/null)
printf '  ring, R1 and R2         %s\n' "$(rate "$run")"

seconds() { local start end; start=$(date +%s.%N); "$@" >/dev/null 2>&1; end=$(date +%s.%N); awk "BEGIN { print $end - $start }"; }
echo "whole commands, seconds:"
printf '  sample 1 image          %.2f\n' "$(seconds "$obverse" sample "$work/00001-bfloat16" --seeds 0 --grid "$work/one.png")"
printf '  sample 4096 images      %.2f\n' "$(seconds "$obverse" sample "$work/00001-bfloat16" --seeds 0-4095 --grid "$work/many.png")"
printf '  invert 64 test images   %.2f\n' "$(seconds "$obverse" invert "$work/00001-bfloat16" --data fashion-mnist --count 64 --out "$work/inversion")"
