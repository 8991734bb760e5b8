import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lastValueFrom } from "rxjs";
import { expect, it } from "vitest";
import { createRunFolder } from "../../src/study/run-folder.js";
import { runStudy } from "../../src/study/run-study.js";
import { LineTail, RunTail } from "../../src/track/run-tail.js";
import { sparkline } from "../../src/track/sparkline.js";
import { tempRoot } from "../study/temp-root.js";
import { tickingClock, toyPlan } from "../study/toy.js";

it("gives each line once, when it is whole", () => {
  const file = join(tempRoot(), "lines");
  const tail = new LineTail(file);
  expect(tail.read()).toEqual([]);
  writeFileSync(file, "one\ntwo\nth");
  expect(tail.read()).toEqual(["one", "two"]);
  expect(tail.read()).toEqual([]);
  appendFileSync(file, "ree µ\n");
  expect(tail.read()).toEqual(["three µ"]);
  const long = "µ".repeat(300_000); // longer than a chunk, and a letter of two bytes lies across its end
  appendFileSync(file, `${long}\n`);
  expect(tail.read()).toEqual([long]);
});

it("tells a run of another process as that process tells it", async () => {
  const folder = createRunFolder(tempRoot(), toyPlan({ trials: 40 }), tickingClock());
  const tail = new RunTail(folder.path);
  expect([tail.running, tail.read()]).toMatchObject([true, [{ kind: "started", run: { trials: 40, seed: 1 } }]]);
  const seen: unknown[] = [];
  const follow = {
    name: "watcher",
    next: ({ kind }: { kind: string }) => void (kind === "trial" && seen.push(...tail.read())),
  };
  await lastValueFrom(runStudy(toyPlan({ trials: 40 }), folder, { listeners: [follow] }));
  expect(seen).toHaveLength(40);
  expect(seen[39]).toMatchObject({ kind: "trial", trial: { trial: 39 }, recorded: false });
  expect(tail.running).toBe(false);
  expect(new RunTail(folder.path).read()[40]).toMatchObject({ trial: { trial: 39 }, recorded: true });
});

it("a sparkline goes from the lowest to the highest value, in the columns that there are", () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe("▁▂▃▄▅▆▇█");
  expect(sparkline([0, 0, 7, 7], 2)).toBe("▁█");
  expect(sparkline([Number.NaN, 3, 3], 9)).toBe(" ▁▁");
  expect(sparkline([], 9)).toBe("");
});
