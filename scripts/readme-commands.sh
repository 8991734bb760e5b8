#!/usr/bin/env bash
# Runs every command of the README's shell blocks, in order, as it stands there, in this checkout.
# The two set-up commands run without their `npm ci`, which .ci/run has done; the test command it has run already.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf runs/first runs/mine runs/few runs/second

awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside && NF && !/^#/' README.md | while IFS= read -r line; do
  command=$(sed 's/ *#.*//' <<<"$line")
  command=${command#npm ci && }
  case "$command" in
    "npm test") echo "== $command (done before)"; continue ;;
  esac
  echo "== $command"
  start=$SECONDS
  bash -c "$command" </dev/null >/tmp/readme-command.log 2>&1 || { tail -n 50 /tmp/readme-command.log; echo "failed: $command"; exit 1; }
  echo "   ok, $((SECONDS - start)) s"
done
