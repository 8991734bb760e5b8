// Fits the default accuracy proxy of the package again and writes its coefficients and its report:
//   npx tsx envs/accuracy/fit/fit-surrogate.ts --data ../shared/data
// Deterministic: the same data give the same files. `cosearch fit-accuracy` does the same to a file of one's own.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../../../src/files/documents.js";
import { fitAll } from "./fit-all.js";

const { values } = parseArgs({ options: { data: { type: "string", default: "../shared/data" } } });
const { json, report, summary } = fitAll(values.data);
writeFileSync(join(packageRoot, "envs/accuracy/imagenet-surrogate.fitted.json"), json);
writeFileSync(join(packageRoot, "docs/accuracy-fit.md"), report);
process.stdout.write(`${summary}\n`);
