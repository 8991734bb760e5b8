#!/bin/sh
# Compiles the loops of an AssemblyScript file and writes the bytes, and the hash of their source, into the module beside it:
#   scripts/compile-simd.sh agents/policy/kernels/policy-loops.as   changes agents/policy/kernels/policy-loops-wasm.ts
# Fetches the compiler from npm into a folder of its own; ASC=/path/to/asc uses one that is there.
set -eu
source=$1
module=${source%.as}-wasm.ts
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$source" "$folder/loops.ts"
asc=${ASC:-}
if [ -z "$asc" ]; then
  npm install --silent --prefix "$folder" assemblyscript@0.28.20
  asc=$folder/node_modules/.bin/asc
fi
"$asc" "$folder/loops.ts" -o "$folder/loops.wasm" -O3 --enable simd --importMemory --runtime stub --noAssert
base64 -w 110 "$folder/loops.wasm" > "$folder/loops.base64"
node -e '
  const { createHash } = require("node:crypto");
  const { readFileSync, writeFileSync } = require("node:fs");
  const [source, bytes, module] = process.argv.slice(1);
  const replaced = (text, pattern, value) => {
    if (!pattern.test(text)) throw new Error(module + " lacks " + pattern);
    return text.replace(pattern, (_, head) => head + value);
  };
  const hash = createHash("sha256").update(readFileSync(source)).digest("hex");
  let text = readFileSync(module, "utf8");
  text = replaced(text, /(const COMPILED = `\n)[^`]*/, readFileSync(bytes, "utf8"));
  text = replaced(text, /(const SOURCE_SHA256 = ")[0-9a-f]*/, hash);
  writeFileSync(module, text);
' "$source" "$folder/loops.base64" "$module"
