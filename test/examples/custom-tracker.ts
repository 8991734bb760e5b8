// A tracker of your own: one line of CSV for each update, in the run's folder. It goes on where it stopped.
//   cosearch run edge-joint --tracker ./custom-tracker.js

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Tracker } from "cosearch";

export default function curveFile(): Tracker {
  let file = "";
  return {
    name: "curve file",
    start({ runFolder }) {
      file = join(runFolder, "curve.csv");
      if (!existsSync(file)) return undefined;
      return Number(readFileSync(file, "utf8").trimEnd().split("\n").at(-1)?.split(",")[0]);
    },
    log(steps) {
      for (const { trialCount, scalars } of steps) {
        appendFileSync(file, `${trialCount},${scalars["search/best_feasible"] ?? ""}\n`);
      }
    },
    finish({ status }) {
      process.stderr.write(`${file}: ${status}\n`);
    },
  };
}
