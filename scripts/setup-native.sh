#!/bin/sh
# Makes the native tensor backend (tfjs-node) load where its own installer cannot: TensorFlow's library and C headers come from
# a wheel of Python's `tensorflow-cpu`, and the addon is compiled against them. Optional: without it WebAssembly computes.
#   scripts/setup-native.sh [tensorflow_cpu-….whl]     without a file, pip downloads the wheel (about 270 MB)
# Only node_modules changes (about 900 MB); `npm ci` undoes it. Needs Linux, python3, make and a C++ compiler.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
package=@tensorflow/tfjs-node
home=$root/node_modules/$package

fail() { echo "setup-native: $1" >&2; exit 1; }
step() { echo "== $1"; }

case "${1:-}" in -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
[ $# -le 1 ] || fail "one argument at most: the path of a tensorflow-cpu wheel"
[ "$(uname -s)" = Linux ] || fail "this is for Linux; elsewhere try \`npm install --no-save $package\`"
for tool in node npm python3 make c++; do
  command -v $tool >/dev/null || fail "$tool is needed and not there"
done
[ -d "$root/node_modules/@tensorflow/tfjs" ] || fail "run \`npm ci\` in $root first"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wheel=${1:-}
if [ -z "$wheel" ]; then
  step "downloading the wheel with pip"
  python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$work" tensorflow-cpu ||
    fail "pip cannot download tensorflow-cpu for this Python; give the path of a wheel of any Python version"
  wheel=$(ls "$work"/tensorflow_cpu-*.whl)
fi
[ -f "$wheel" ] || fail "there is no file $wheel"
case "$(basename "$wheel")" in
  *"$(uname -m)".whl) ;;
  *) fail "$(basename "$wheel") is not for this machine ($(uname -m))" ;;
esac

python3 -m zipfile -l "$wheel" 2>/dev/null | grep -q '^tensorflow/libtensorflow_cc.so.2 ' ||
  fail "$wheel is no wheel of tensorflow-cpu: libtensorflow_cc.so.2 is not in it"

version=$(node -p "require('$root/package.json').optionalDependencies['$package']")
step "installing $package $version without its install script"
(cd "$root" && npm install --ignore-scripts --no-save --no-audit --no-fund --loglevel=error "$package@$version") >"$work/npm.log" 2>&1 ||
  { cat "$work/npm.log" >&2; fail "npm cannot install $package@$version"; }

step "unpacking TensorFlow's library and headers"
rm -rf "$home/deps" "$home/lib"
python3 - "$wheel" "$home/deps" <<'PYTHON' || fail "$wheel does not hold what is needed: give a wheel of tensorflow-cpu"
import os, shutil, sys, zipfile
wheel, deps = sys.argv[1:]
headers = tuple(f"tensorflow/include/{folder}/" for folder in ("tensorflow", "tsl", "xla"))
libraries = {"tensorflow/libtensorflow_cc.so.2": "libtensorflow", "tensorflow/libtensorflow_framework.so.2": "libtensorflow_framework"}
with zipfile.ZipFile(wheel) as archive:
    names = [name for name in archive.namelist() if not name.endswith("/")]
    missing = [name for name in (*libraries, "tensorflow/include/tensorflow/c/c_api.h") if name not in names]
    if missing:
        sys.exit(f"not in the wheel: {', '.join(missing)}")
    for name in names:
        if name in libraries:
            target = os.path.join(deps, "lib", os.path.basename(name))
        elif name.startswith(headers):
            target = os.path.join(deps, "include", name.removeprefix("tensorflow/include/"))
        else:
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with archive.open(name) as source, open(target, "wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
for name, link in libraries.items():
    os.symlink(os.path.basename(name), os.path.join(deps, "lib", f"{link}.so"))
PYTHON

step "compiling the addon"
headers=$(dirname "$(dirname "$(node -p process.execPath)")")
[ -f "$headers/include/node/node.h" ] && export npm_config_nodedir="$headers"
(cd "$home" && npm run build-addon-from-source) >"$work/build.log" 2>&1 ||
  { tail -n 30 "$work/build.log" >&2; fail "the addon does not compile (Node's headers come from nodejs.org, or from npm_config_nodedir)"; }

step "loading it"
(cd "$root" && TF_CPP_MIN_LOG_LEVEL=2 TF_ENABLE_ONEDNN_OPTS=0 node --input-type=module -e '
  const tf = await import("@tensorflow/tfjs");
  await import("@tensorflow/tfjs-node");
  await tf.setBackend("tensorflow");
  const product = tf.matMul([[1, 2]], [[3], [4]]).dataSync()[0];
  if (tf.getBackend() !== "tensorflow" || product !== 11) throw new Error(`1*3 + 2*4 = ${product} on ${tf.getBackend()}`);
  console.log(`tfjs-node ${tf.version_core} with TensorFlow ${tf.backend().binding.TF_Version} computes; take it with: --set backend=native`);
' 2>&1) || fail "it is built but does not load"
