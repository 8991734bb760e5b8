import { stripVTControlCharacters } from "node:util";
import { lastValueFrom } from "rxjs";
import { describe, expect, it } from "vitest";
import type { Trial } from "../../src/core/trial.js";
import type { RunEvent, RunHead } from "../../src/study/events.js";
import { createRunFolder } from "../../src/study/run-folder.js";
import { runStudy } from "../../src/study/run-study.js";
import { duration, lineOf, liveView, pictureOf } from "../../src/track/live.js";
import { Progress } from "../../src/track/progress.js";
import { clip, Redraw } from "../../src/track/redraw.js";
import { tempRoot } from "../study/temp-root.js";
import { tickingClock, toyPlan } from "../study/toy.js";

const run: RunHead = {
  runId: "r",
  runFolder: "runs/r",
  studyName: "edge",
  agentName: "ppo",
  seed: 3,
  trials: 100,
  batchSize: 10,
};
const trial = (number: number, reward: number, feasible = true): RunEvent => {
  const made: Trial = {
    trial: number,
    candidate: { "network/kernel": 3, "accelerator/peRows": 4 },
    metrics: { latencyMs: 1.5 },
    reward,
    ...(!feasible && { infeasible: { code: "limit", reason: "too large", violations: [] } }),
  };
  return { kind: "trial", trial: made, cached: false, recorded: false };
};

const COLOUR = "\u001b[3"; // the start of every colour that a chart uses

/** What a terminal shows after these writes: the few control sequences that the view uses, by hand. */
function terminalAfter(written: string): string[] {
  const lines: string[] = [""];
  let row = 0;
  for (const [, up, below, lineEnd, newline, text] of written
    .replaceAll("\u001b", "␛")
    .matchAll(/␛\[(\d+)A|(␛\[J)|(␛\[K)|(\n)|\r|([^␛\n\r]+)/g)) {
    if (up !== undefined) row -= Number(up);
    else if (below !== undefined) lines.length = row + 1;
    else if (newline !== undefined) row++;
    else if (text !== undefined) lines[row] = text;
    else if (lineEnd !== undefined) lines[row] ??= "";
    if (below !== undefined) lines[row] = "";
  }
  return lines.slice(0, -1);
}

/** 40 trials in 10 s, the first five infeasible, reward = trial number. */
function fortyTrials(): Progress {
  const progress = new Progress();
  progress.hear({ kind: "started", run }, 0);
  for (let i = 0; i < 40; i++) progress.hear(trial(i, i, i >= 5), 250 * (i + 1));
  return progress;
}

describe("progress", () => {
  it("counts, and tells rate and time left", () => {
    const progress = fortyTrials();
    expect(progress).toMatchObject({ trialCount: 40, feasibleCount: 35, bestFeasible: { trial: 39 } });
    expect(progress.rate(10_000)).toBe(4); // 40 trials in 10 s
    expect(progress.secondsLeft(10_000)).toBe(15); // 60 trials at 4 per second
  });

  it("keeps the mean of the last batch and the best feasible reward as curves over the budget", () => {
    const { means, bests } = fortyTrials();
    expect(means.length).toBe(Math.floor((64 * 39) / 100) + 1); // 64 points for 100 trials
    expect(means.at(-1)).toBe((30 + 39) / 2);
    expect(bests.at(-1)).toBe(39);
    expect(bests[0]).toBeNaN();
  });

  it("does not count what comes from the record into the rate", () => {
    const progress = new Progress();
    progress.hear({ kind: "resumed", run, checkpoint: "c", restored: [], recordedCount: 20, notes: [] }, 0);
    for (let i = 0; i < 20; i++) progress.hear({ ...trial(i, 1), recorded: true } as RunEvent, 10);
    expect(progress.rate(5000)).toBeUndefined();
    for (let i = 20; i < 30; i++) progress.hear(trial(i, 1), 1000 * (i - 19));
    expect(progress.rate(10_000)).toBe(1);
    expect(progress.trialCount).toBe(30);
  });
});

describe("the live view", () => {
  const options = { screen: { write: () => true, columns: 80 }, interactive: true, color: false, clock: () => 0 };

  it("says in one line how far the run is", () => {
    const line = lineOf(fortyTrials(), 10_000);
    expect(line).toMatch(/^40 of 100 trials \(40 %\), 4 per second, 15 s left, best 39 \(trial 39\) {2}▁[▁-█]+█$/);
    expect(lineOf(new Progress(), 0)).toBe("0 of 0 trials (0 %), nothing feasible yet");
  });

  it("draws curve and best design, no wider than the screen, and without colour codes under NO_COLOR", () => {
    for (const columns of [40, 80, 200]) {
      const written: string[] = [];
      const screen = { columns, rows: 50, write: (text: string) => written.push(text) };
      new Redraw(screen).draw(pictureOf(fortyTrials(), 10_000, { ...options, screen }));
      const picture = stripVTControlCharacters(written.join("")).replace("\r", "");
      expect(picture).toMatch(/39 [┤┼]/);
      expect(picture).toContain("best design so far: trial 39, reward 39");
      expect(picture).toContain("latency 1.5 ms");
      expect(written.join("")).not.toContain(COLOUR);
      for (const line of picture.split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
    }
    expect(pictureOf(fortyTrials(), 0, { ...options, color: true }).join()).toContain(COLOUR);
  });

  it("draws before the first trial, with one trial, and while nothing is feasible", () => {
    const progress = new Progress();
    progress.hear({ kind: "started", run }, 0);
    expect(pictureOf(progress, 0, options).join()).toContain("waiting for the first trial");
    progress.hear(trial(0, -3, false), 1);
    expect(pictureOf(progress, 1, options).join()).toContain("none is feasible yet");
    for (let i = 1; i < 100; i++) progress.hear(trial(i, -3, false), 1);
    expect(pictureOf(progress, 2, options).join()).toContain("100 of 100 trials (100 %)");
  });

  it("writes plain lines where nobody watches: first, every ten seconds, last", async () => {
    const written: string[] = [];
    const screen = { write: (text: string) => written.push(text) };
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    const view = liveView({ screen, interactive: false, color: false, clock: tickingClock() }); // 1 s per event
    await lastValueFrom(runStudy(toyPlan(), folder, { listeners: [view] }));
    expect(written[0]).toContain(`toy with drifting, seed 1, 200 trials, in ${folder.path}`);
    expect(written.at(-1)).toMatch(/^200 of 200 trials \(100 %\)/);
    expect(written.length).toBeGreaterThan(18);
    expect(written.length).toBeLessThan(25);
    for (const line of written) expect(line.indexOf("\n") === line.length - 1 && !line.includes("\u001b")).toBe(true);
  });

  it("draws over itself where somebody watches, and leaves the last picture", async () => {
    let written = "";
    const screen = { columns: 80, rows: 40, write: (text: string) => (written += text) };
    const folder = createRunFolder(tempRoot(), toyPlan(), tickingClock());
    const view = liveView({ screen, interactive: true, color: false, clock: tickingClock() });
    await lastValueFrom(runStudy(toyPlan(), folder, { listeners: [view] }));
    expect(written).toContain("\u001b["); // cursor movements
    expect(written).toContain("best design so far");
    expect(written).not.toContain("\u001b[?25l"); // the cursor is never hidden, so a kill cannot lose it
    expect(terminalAfter(written).length).toBeLessThan(25); // one opening line and one picture, not a hundred
    expect(terminalAfter(written).filter((line) => line.startsWith("200 of 200 trials"))).toHaveLength(1);
    expect(terminalAfter(written)[0]).toContain("toy with drifting");
  });

  it("cuts lines to the screen and the picture to its height", () => {
    expect([clip("abcdef", 6), clip("abcdefg", 6), clip("\u001b[32mabc\u001b[0m", 3)]).toEqual([
      "abcdef",
      "abc...",
      "\u001b[32mabc\u001b[0m",
    ]);
    let written = "";
    const block = new Redraw({ columns: 10, rows: 4, write: (text) => (written += text) });
    for (let i = 0; i < 5; i++) block.draw(["a", "b", "c", "d", "e"]);
    expect(terminalAfter(written)).toEqual(["a", "b", "c"]);
  });

  it("says when somebody raises the budget, and counts towards the new one", () => {
    let text = "";
    let budget = 100;
    const screen = { write: (part: string) => (text += part) };
    const view = liveView({ screen, interactive: false, color: false, clock: tickingClock(), budget: () => budget });
    view.next({ kind: "started", run });
    for (let i = 0; i < 40; i++) {
      if (i === 20) budget = 400;
      view.next(trial(i, i));
    }
    view.complete?.();
    expect(text.match(/the budget was raised to 400 trials\n/g)).toHaveLength(1);
    expect(text).toContain("20 of 100 trials (20 %)");
    expect(text.trimEnd().split("\n").at(-1)).toMatch(/^40 of 400 trials \(10 %\)/);
  });

  it("keeps the curve when the budget grows, on the part of the width that it has then", () => {
    const progress = fortyTrials(); // 100 trials, 64 points
    const before = progress.means.length;
    expect(progress.setBudget(100)).toBe(false);
    expect(progress.setBudget(200)).toBe(true);
    expect(progress.means.length).toBe(Math.ceil(before / 2));
    expect(progress.means.at(-1)).toBe(34.5); // the mean of the last batch of ten: 30 to 39
    expect(progress.bests.at(-1)).toBe(39);
    progress.hear(trial(40, 40), 11_000);
    expect(progress.means.at(-1)).toBe(35.5);
  });

  it("tells durations as people do", () => {
    expect([0.2, 59.4, 75, 3600, 7384].map(duration)).toEqual(["1 s", "59 s", "1 min 15 s", "1 h 0 min", "2 h 3 min"]);
  });
});
