// Writes the parts of docs/ that the code knows best: the JSON Schema of study files, and the table of error codes.
//   npm run docs
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ERROR_CODES } from "../src/core/errors.js";
import { packageRoot } from "../src/files/package-root.js";
import { fileSchema } from "./registry.js";

writeFileSync(join(packageRoot, "docs/study.schema.json"), `${JSON.stringify(fileSchema("study"), null, 2)}\n`);
process.stdout.write("docs/study.schema.json written\n");
for (const [code, meaning] of Object.entries(ERROR_CODES)) process.stdout.write(`| \`${code}\` | ${meaning} |\n`);
