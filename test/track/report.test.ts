import { describe, expect, it } from "vitest";
import type { Trial } from "../../src/core/trial.js";
import { reportCsv } from "../../src/track/report-csv.js";
import {
  bestSoFar,
  figuresOf,
  type ReportData,
  type ReportRun,
  runningMean,
  thinned,
} from "../../src/track/report-data.js";
import { reportHtml } from "../../src/track/report-html.js";
import { reportMarkdown } from "../../src/track/report-markdown.js";

const infeasible = { code: "limit", reason: "over", violations: [] };
const trial = (number: number, reward: number, feasible = true): Trial => ({
  trial: number,
  candidate: { "network/<b>": `<script>alert("x")</script>` },
  metrics: { accuracyFraction: reward, latencyMs: 1 + number },
  reward,
  ...(!feasible && { infeasible }),
});
const run = (trials: readonly Trial[], runId = "r1"): ReportRun => ({
  runId,
  runFolder: `runs/${runId}`,
  agentName: "ppo",
  seed: 1,
  backend: "wasm",
  created: "2026-01-01T00:00:00.000Z",
  versions: { cosearch: "0.1.0" },
  budgetTrials: trials.length,
  trials,
});
const trials = [trial(0, 0.2), trial(1, 0.9, false), trial(2, 0.4), trial(3, 0.3)];
const design = {
  network: { name: "net", macCount: 1e6, paramCount: 1e6 },
  accelerator: { name: "chip", macUnits: 1, clockMhz: 1 },
  deployment: { weightBits: 8, activationBits: 8, batch: 1, fusion: "on" as const },
  latencyMs: 3,
  latencyCycles: 100,
  energyMillijoules: 2,
  areaMm2: 10,
  peakOnChipBytes: 1,
  dramBytes: 1,
  utilizationFraction: 0.5,
  accuracy: { estimate: 0.4, standardError: 0.01, proxy: "p" },
  layers: [
    {
      ...{ id: "<i>stem</i>", kind: "conv", shape: {}, macCount: 1, latencyCycles: 100, energyPj: 5 },
      ...{ utilizationFraction: 0.5, bottleneck: "DRAM", accesses: [] },
    },
  ],
};
const data = (runs: readonly ReportRun[], withWinner = true): ReportData => ({
  studyName: "edge <joint>",
  description: "a & b",
  searched: [["network", "nahas-s1"]],
  runs,
  axes: [
    { metric: "accuracyFraction", sense: "maximise" },
    { metric: "latencyMs", sense: "minimise" },
  ],
  winner: withWinner ? { run: runs[0]!, trial: trials[2]!, design, reference: { ...design, latencyMs: 6 } } : undefined,
  reproduce: "cosearch run edge-joint",
});

describe("curves", () => {
  it("the best so far counts feasible trials only, and ends at the last trial", () => {
    expect(bestSoFar(trials)).toEqual([
      [0, 0.2],
      [2, 0.4],
      [3, 0.4],
    ]);
  });

  it("the running mean is over the last trials", () => {
    expect(runningMean([trial(0, 1), trial(1, 3), trial(2, 8)], 2).map(([, mean]) => mean)).toEqual([1, 2, 5.5]);
  });

  it("figures and thinning", () => {
    const { axes } = data([run(trials)]);
    expect(figuresOf(run(trials), axes)).toEqual({
      ...{ trialCount: 4, feasibleCount: 3, bestReward: 0.4, bestTrial: 2, frontSize: 2 },
    });
    expect(thinned([0, 1, 2, 3, 4, 5, 6], 3)).toEqual([0, 3, 6]);
  });
});

describe("the HTML page", () => {
  it("runs nothing, asks for nothing, and shows names as text", () => {
    const html = reportHtml(data([run(trials)]));
    expect(html).not.toMatch(/<script|<i>stem|<joint>|javascript:|src=|@import|url\((?!#)/);
    expect(html).toContain("&#60;script&#62;");
    expect(html).toContain("edge &#60;joint&#62;");
    expect(html).toContain("default-src 'none'");
  });

  it("has curve, front, winner, layers and how to make it again", () => {
    const html = reportHtml(data([run(trials)]));
    const titles = [...html.matchAll(/<h2>(.*?)<\/h2>/g)].map((match) => match[1]);
    expect(titles).toEqual([
      ...["Winner", "Reward", "Run", "Pareto front", "The winner layer by layer", "What was searched"],
      ...["Knobs of the winner", "Make it again"],
    ]);
    expect(html.match(/<svg role="img"/g)).toHaveLength(2);
    expect(html).toContain("2× faster");
    expect(html).toContain("cosearch run edge-joint");
  });

  it("stands for several runs, for a run with nothing feasible, and for one without trials", () => {
    const two = reportHtml(data([run(trials, "r1"), run(trials, "r2")]));
    expect(two).toContain("<h2>Runs</h2>");
    const hopeless = reportHtml(data([run([trial(0, -1, false)])], false));
    expect(hopeless).toContain("None of the 1 trials is feasible");
    expect(reportHtml(data([run([])], false))).toContain("None of the 0 trials is feasible");
  });

  it("stays small and quick for a long run", () => {
    const long = Array.from({ length: 200_000 }, (_, i) => trial(i, (i % 1000) / 1000));
    const html = reportHtml({ ...data([run(long)]), winner: undefined });
    expect(html.length).toBeLessThan(3_000_000);
  });
});

it("several seeds of an agent get a band, one seed none", () => {
  const title = "<h2>Best reward over seeds</h2>";
  expect(reportHtml(data([run(trials, "r1"), run(trials, "r2")]))).toContain(title);
  expect(reportHtml(data([run(trials)]))).not.toContain(title);
});

it("CSV has the front with all knobs and metrics, the winner marked", () => {
  const [header, ...rows] = reportCsv(data([run(trials)]))
    .trimEnd()
    .split("\n");
  expect(header).toBe("run,trial,winner,on_front,reward,accuracyFraction,latencyMs,network/<b>");
  expect(rows).toEqual([
    'r1,2,true,true,0.4,0.4,3,"<script>alert(""x"")</script>"',
    'r1,0,false,true,0.2,0.2,1,"<script>alert(""x"")</script>"',
  ]);
});

it("Markdown has the winner, the runs and the front", () => {
  const text = reportMarkdown(data([run(trials)]));
  expect(text).toContain("| time per image | 3 ms | 6 ms | 2× faster |");
  expect(text).toContain("| r1 | ppo | 1 | 4 | 3 | 0.4000 | 2 |");
  expect(text).toContain("## Pareto front");
});
