#!/usr/bin/env node
// The command: starts the compiled program, or says how to compile it.
import { existsSync } from "node:fs";

const program = new URL("../dist/src/app/main.js", import.meta.url);

if (existsSync(program)) {
  const { main } = await import(program.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write(
    "error: cosearch is not built yet (dist/ is missing); run `npm run build` in its folder first\n",
  );
  process.exitCode = 1;
}
