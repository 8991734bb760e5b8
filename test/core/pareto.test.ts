import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Axis, paretoFront } from "../../src/core/pareto.js";
import type { Trial } from "../../src/core/trial.js";

const axes: Axis[] = [
  { metric: "accuracyFraction", sense: "maximise" },
  { metric: "latencyMs", sense: "minimise" },
];
const trial = (number: number, accuracyFraction: number, latencyMs: number, feasible = true): Trial => ({
  trial: number,
  candidate: {},
  metrics: { accuracyFraction, latencyMs },
  reward: 0,
  ...(!feasible && { infeasible: { code: "limit", reason: "", violations: [] } }),
});

describe("Pareto front", () => {
  it("keeps what nothing beats, best on the first axis first", () => {
    const trials = [
      trial(0, 0.7, 2), // dominated by 1
      trial(1, 0.7, 1),
      trial(2, 0.8, 3),
      trial(3, 0.6, 1), // dominated by 1
      trial(4, 0.9, 9, false), // infeasible
      trial(5, 0.8, 3), // equal to 2, later
    ];
    expect(paretoFront(trials, axes).map((member) => member.trial)).toEqual([2, 1]);
  });

  it("leaves out a trial without metrics", () => {
    expect(paretoFront([{ trial: 0, candidate: {}, reward: 0 }], axes)).toEqual([]);
  });

  it("agrees with the definition", () => {
    const point = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 6 }));
    fc.assert(
      fc.property(fc.array(point, { maxLength: 30 }), (points) => {
        const trials = points.map(([a, l], i) => trial(i, a, l));
        const front = new Set(paretoFront(trials, axes).map((member) => member.trial));
        points.forEach(([a, l], i) => {
          const beaten = points.some(([b, m], j) => b >= a && m <= l && (b > a || m < l || j < i));
          expect(front.has(i)).toBe(!beaten);
        });
      }),
    );
  });
});
