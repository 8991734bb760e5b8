// Run folders written without running anything, as large as a test wants them.
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RandomStream } from "../../../src/core/rng.js";
import { Space } from "../../../src/core/space.js";
import { trialLine } from "../../../src/study/trial-lines.js";

export const fakeSpace = new Space({
  name: "fake",
  knobs: [
    { name: "network/width", values: [0.5, 0.75, 1] },
    { name: "accelerator/peRows", values: [1, 2, 4, 8] },
    { name: "deployment/fusion", values: ["on", "off"] },
  ],
});

export const fakeManifest = (runId: string, trials: number) => ({
  format: 1,
  runId,
  created: "2026-01-02T03:04:05.000Z",
  studyName: "fake",
  agentName: "random",
  seed: 1,
  trials,
  backend: "none",
  batchSize: 16,
  checkpointEvery: 2,
  keepCheckpoints: 2,
  versions: {},
  study: { name: "fake", description: "made up" },
  space: fakeSpace.toData(),
});

/** Lines of trials [from, to): every tenth is infeasible, latency falls as 1 / width. */
export function fakeTrials(from: number, to: number): string {
  const random = RandomStream.of(7, `trials ${from}`);
  let text = "";
  for (let trial = from; trial < to; trial++) {
    const candidate = fakeSpace.decode(fakeSpace.sample(random));
    const infeasible = trial % 10 === 9 && { infeasible: { code: "limit", reason: "too large", violations: [] } };
    const metrics = {
      latencyMs: 1 / Number(candidate["network/width"]),
      areaMm2: Number(candidate["accelerator/peRows"]),
    };
    text += `${trialLine({ trial, candidate, metrics, ...infeasible, reward: (trial % 7) / 7 })}\n`;
  }
  return text;
}

/** @returns the folder */
export function fakeRun(root: string, id: string, trials: number): string {
  const folder = join(root, id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(fakeManifest(id, Math.max(trials, 100))));
  appendFileSync(join(folder, "trials.jsonl"), fakeTrials(0, trials));
  return folder;
}
