// TensorBoard's own reader on a run that was killed and went on. `scripts/check-tensorboard.sh` finds a Python that has
// tensorboard, or makes one; here it only looks for one, so that the tests wait for no network.
import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lastValueFrom, tap } from "rxjs";
import { beforeAll, describe, expect, it } from "vitest";
import { createRunFolder, openRunFolder, type RunFolder } from "../../../src/study/run-folder.js";
import { runStudy } from "../../../src/study/run-study.js";
import { eventFileOf } from "../../../src/track/tensorboard/event-file.js";
import { tensorboard } from "../../../src/track/tensorboard/tensorboard.js";
import { tempRoot } from "../../study/temp-root.js";
import { tickingClock, toyPlan, toySpace } from "../../study/toy.js";

const scripts = fileURLToPath(new URL("../../../scripts", import.meta.url));
const python = spawnSync(join(scripts, "check-tensorboard.sh"), ["--which"], { encoding: "utf8" }).stdout.trim();
if (python === "") {
  process.stderr.write(
    "skipped: no Python here has tensorboard; scripts/check-tensorboard.sh makes one where pip works\n",
  );
}

async function session(folder: RunFolder, trials: number, stopAfter?: number): Promise<void> {
  const stop = new AbortController();
  let count = 0;
  const listener = tensorboard({ space: toySpace.toData(), hparams: { rate: 0.5 }, clock: tickingClock() });
  const events$ = runStudy(toyPlan({ trials }), folder, { signal: stop.signal, listeners: [listener] });
  await lastValueFrom(events$.pipe(tap((event) => event.kind === "trial" && ++count === stopAfter && stop.abort())));
}

describe.skipIf(python === "")("TensorBoard's reader", () => {
  const root = tempRoot();
  const check = (id: string): readonly [number | null, string] => {
    const { status, stdout } = spawnSync(python, [join(scripts, "check-tensorboard.py"), join(root, id)], {
      encoding: "utf8",
    });
    return [status, stdout];
  };

  beforeAll(async () => {
    const folder = createRunFolder(root, toyPlan({ trials: 192 }), tickingClock(), "torn");
    await session(folder, 192, 100);
    const file = eventFileOf(folder.path)!;
    writeFileSync(file, readFileSync(file).subarray(0, -9)); // as a kill in the middle of a write leaves it
    await session(openRunFolder(folder.path, tickingClock()), 192);
  });

  it("finds every scalar, histogram and hyper-parameter of a run that was torn and went on, none twice", () => {
    const [status, output] = check("torn");
    expect(output).toMatch(/torn: \d+ tags, 8 histograms, 12 steps, \d+ values as recorded/);
    expect(status).toBe(0);
  });

  it("would say so if a value were another, or a step were there twice", () => {
    for (const id of ["changed", "doubled"]) cpSync(join(root, "torn"), join(root, id), { recursive: true });
    const updates = join(root, "changed", "updates.jsonl");
    writeFileSync(
      updates,
      readFileSync(updates, "utf8").replace('"search/feasible_rate":', '"search/feasible_rate":1'),
    );
    expect(check("changed")).toEqual([1, expect.stringContaining("search/feasible_rate at 16")]);
    const events = eventFileOf(join(root, "doubled"))!;
    const [bytes, header] = [readFileSync(events), 16 + 24]; // the first record: the file's version
    appendFileSync(events, bytes.subarray(header));
    expect(check("doubled")).toEqual([1, expect.stringContaining("written twice")]);
  });
});
