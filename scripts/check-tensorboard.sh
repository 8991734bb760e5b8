#!/bin/sh
# A run that is killed and goes on, read by TensorBoard's own reader (scripts/check-tensorboard.py).
# Needs a built package, and a Python with tensorboard: COSEARCH_PYTHON, python3, or an environment that is made in
# node_modules/.cache when pip's package index answers within some seconds. Without one it says so and ends well:
# the format is also tested without Python (test/track/tensorboard).
set -eu
cd "$(dirname "$0")/.."
venv=node_modules/.cache/tensorboard-venv

has_tensorboard() { "$1" -c "import tensorboard" 2>/dev/null; }
skip() { echo "skipped: $1"; exit 0; }

python=""
for candidate in "${COSEARCH_PYTHON:-}" python3 "$venv/bin/python"; do
  if [ -n "$candidate" ] && has_tensorboard "$candidate"; then python=$candidate; break; fi
done
if [ "${1:-}" = "--which" ]; then echo "$python"; exit 0; fi
if [ -z "$python" ]; then
  command -v python3 >/dev/null || skip "there is no python3"
  timeout 9 python3 -m pip download --quiet --no-deps --no-input --retries 0 --timeout 3 --dest "$(mktemp -d)" six >/dev/null 2>&1 ||
    skip "no Python here has tensorboard, and pip's package index does not answer"
  python3 -m venv "$venv" || skip "python3 makes no environments (python3-venv is missing)"
  timeout 180 "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --retries 0 --timeout 5 "tensorboard>=2.15" >/dev/null 2>&1 || skip "tensorboard cannot be installed"
  python=$venv/bin/python
fi

runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT
node bin/cosearch.js run quick --agent ppo --trials 320 --seed 1 --out "$runs" --id killed --quiet >/dev/null &
child=$!
while [ "$(cat "$runs/killed/trials.jsonl" 2>/dev/null | wc -l)" -lt 100 ]; do
  kill -0 $child 2>/dev/null || { echo "the run ended before it could be killed"; exit 1; }
  sleep 0.05
done
kill -9 $child
wait $child 2>/dev/null || true
node bin/cosearch.js resume "$runs/killed" --quiet >/dev/null
node bin/cosearch.js run quick --agent random --trials 160 --seed 1 --out "$runs" --id random --quiet >/dev/null
"$python" scripts/check-tensorboard.py "$runs/killed" "$runs/random"
