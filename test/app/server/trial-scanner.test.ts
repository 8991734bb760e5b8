import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TrialScanner } from "../../../src/app/server/trial-scanner.js";
import { RandomStream } from "../../../src/core/rng.js";
import { Space } from "../../../src/core/space.js";
import type { Trial } from "../../../src/core/trial.js";
import { trialLine } from "../../../src/study/trial-lines.js";

const space = new Space({
  name: "odd",
  knobs: [
    { name: "network/size", values: [1, 12, 1.5, 128] },
    { name: 'a "quoted", {name}', values: ["x", "xy", 'with "quotes", and }'] },
    { name: "accelerator/kind", values: ["a", "b"] },
    { name: "accelerator/only b", values: [false, true], when: { "accelerator/kind": ["b"] } },
  ],
});
const scanner = (): TrialScanner => {
  const made = new TrialScanner(space.toData(), 8);
  made.expect(["latencyMs", "areaMm2"]);
  return made;
};
const scan = (line: string) => {
  const bytes = Buffer.from(`before\n${line}\nafter\n`);
  return scanner().scan(bytes, 7, 7 + Buffer.byteLength(line));
};

describe("the trial scanner", () => {
  it("reads what JSON reads, for any trial that we write", () => {
    const numbers = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(
        fc.nat(),
        numbers,
        numbers,
        numbers,
        fc.option(fc.string()),
        (seed, reward, latencyMs, areaMm2, reason) => {
          const codes = space.sample(RandomStream.of(seed, "scan"));
          const infeasible = reason !== null && { infeasible: { code: "limit", reason, violations: [] } };
          const trial: Trial = {
            trial: seed,
            candidate: space.decode(codes),
            metrics: { latencyMs, areaMm2 },
            ...infeasible,
            reward,
          };
          const line = trialLine(trial);
          const found = scan(line);
          const json = JSON.parse(line) as Trial;
          expect(found).toBeDefined();
          expect([...found!.codes]).toEqual([...codes]);
          expect([...found!.metrics.slice(0, 2)]).toEqual([json.metrics!.latencyMs, json.metrics!.areaMm2]);
          expect([found!.trial, found!.reward, found!.feasible]).toEqual([seed, json.reward, reason === null]);
        },
      ),
    );
  });

  it("leaves every other line to JSON", () => {
    const fine = trialLine({
      trial: 3,
      candidate: { "network/size": 12, 'a "quoted", {name}': "x", "accelerator/kind": "a" },
      metrics: { latencyMs: 1, areaMm2: 2 },
      reward: 0.5,
    });
    expect(scan(fine)?.trial).toBe(3);
    const others = [
      "",
      "{}",
      fine.slice(0, -1),
      `${fine}}`,
      ` ${fine}`,
      fine.replace("12", "13"),
      fine.replace('"areaMm2":2', '"areaMm2":2,"more":1'),
      fine.replace('"areaMm2":2', '"areaMm2":null'),
      fine.replace(',"reward":0.5', ""),
      fine.replace("0.5", '"0.5"'),
      fine.replace('"candidate":{', '"candidate":{"unknown":1,'),
      fine.replace(',"reward":0.5', ',"infeasible":{"reward":0.5}'),
    ];
    for (const line of others) expect([line, scan(line)]).toEqual([line, undefined]);
  });
});
