import { describe, expect, it } from "vitest";
import type { DesignDocument } from "../../src/track/design-document.js";
import {
  compareDesigns,
  describeCandidate,
  formatBytes,
  formatCount,
  formatMetric,
  formatNumber,
  metricLabel,
} from "../../src/track/words.js";

const design = (change: Partial<DesignDocument>): DesignDocument => ({
  network: { name: "n", macCount: 1, paramCount: 1 },
  accelerator: { name: "a", macUnits: 1, clockMhz: 1 },
  deployment: { weightBits: 8, activationBits: 8, batch: 1, fusion: "on" as const },
  latencyMs: 1,
  latencyCycles: 1,
  energyMillijoules: 2,
  areaMm2: 10,
  peakOnChipBytes: 1,
  dramBytes: 1,
  utilizationFraction: 0.5,
  accuracy: { estimate: 0.75, standardError: 0.03, proxy: "p" },
  layers: [],
  ...change,
});
const accuracy = (estimate: number, standardError: number) => ({ estimate, standardError, proxy: "p" });

describe("numbers", () => {
  it("carry their unit and three digits", () => {
    expect(formatMetric("latencyMs", 0.83123)).toBe("0.831 ms");
    expect(formatMetric("accuracyFraction", 0.7489)).toBe("74.89 %");
    expect(formatMetric("areaMm2", 30.94)).toBe("30.9 mm²");
    expect(formatMetric("peakOnChipBytes", 3 * 2 ** 20)).toBe("3 MiB");
    expect(formatMetric("macCount", 300_774_272)).toBe("301 M");
    expect([formatBytes(512), formatCount(999), formatNumber(1234), formatNumber(0)]).toEqual([
      "512 B",
      "999",
      "1,234",
      "0",
    ]);
    expect(metricLabel("peakOnChipBytes")).toBe("peak on chip");
  });

  it("a candidate is told group by group, knobs of one kind together", () => {
    const candidate = { "network/b1.kernel": 3, "network/b2.kernel": 5, "accelerator/peRows": 4, plain: true };
    expect(describeCandidate(candidate)).toEqual([
      { group: "network", text: "kernel 3 5" },
      { group: "accelerator", text: "peRows 4" },
      { group: "design", text: "plain true" },
    ]);
  });
});

describe("winner against reference", () => {
  const verdicts = (winner: DesignDocument, reference: DesignDocument) =>
    Object.fromEntries(
      compareDesigns(winner, reference).map(({ label, verdict, outcome }) => [label, [outcome, verdict]]),
    );

  it("says how many times faster, leaner, smaller", () => {
    const found = verdicts(design({ latencyMs: 0.5, energyMillijoules: 3, areaMm2: 10.01 }), design({}));
    expect(found["time per image"]).toEqual(["better", "2× faster"]);
    expect(found["energy per image"]).toEqual(["worse", "1.5× more energy"]);
    expect(found.area).toEqual(["equal", "the same"]);
    expect(found.accuracy).toEqual(["equal", "the same"]);
  });

  it("calls a difference in accuracy a win only above the proxy's error: sqrt(3² + 4²) = 5 points", () => {
    const reference = design({ accuracy: accuracy(0.7, 0.04) });
    const within = verdicts(design({ accuracy: accuracy(0.749, 0.03) }), reference).accuracy;
    expect(within).toEqual(["equal", "+4.9 points: too close to call, the proxy's error is ±5.0"]);
    expect(verdicts(design({ accuracy: accuracy(0.751, 0.03) }), reference).accuracy?.[0]).toBe("better");
    expect(verdicts(design({ accuracy: accuracy(0.649, 0.03) }), reference).accuracy?.[0]).toBe("worse");
  });

  it("compares images, not batches: 4 images in 2 ms are twice as fast as one in 1 ms, and a batch is slower", () => {
    const found = verdicts(
      design({
        deployment: { weightBits: 8, activationBits: 8, batch: 4, fusion: "on" as const },
        latencyMs: 2,
        energyMillijoules: 8,
      }),
      design({}),
    );
    expect(found["time per image"]).toEqual(["better", "2× faster"]);
    expect(found["time per batch of 4"]).toEqual(["worse", "2× slower than one image"]);
    expect(found["energy per image"]).toEqual(["equal", "the same"]);
  });
});
