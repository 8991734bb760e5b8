import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkReward, type Limits, limitsSchema, rewardSchema, scoreFunction } from "../../envs/reward.js";
import { CosearchError } from "../../src/core/errors.js";
import type { Evaluation, Metrics } from "../../src/core/trial.js";

const NAMES = ["accuracyFraction", "latencyMs", "energyMillijoules", "areaMm2"];

const measured = (metrics: Metrics): Evaluation => ({ kind: "measured", metrics });
const score = (spec: unknown, metrics: Metrics, limits: Limits = {}) =>
  scoreFunction(rewardSchema.parse(spec), limitsSchema.parse(limits), NAMES)(measured(metrics));
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof CosearchError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "no error";
};

describe("weighted product (MnasNet)", () => {
  const soft = { form: "weighted-product", targets: { latencyMs: { target: 75 } } };
  const hard = { form: "weighted-product", targets: { latencyMs: { target: 75, exponents: "hard" } } };

  it("is the accuracy itself on the target", () => {
    expect(score(soft, { accuracyFraction: 0.75, latencyMs: 75 }).reward).toBe(0.75);
    expect(score(hard, { accuracyFraction: 0.75, latencyMs: 75 }).reward).toBe(0.75);
  });

  it("soft: doubled latency costs about 5 % of the accuracy, halved latency earns about 5 %", () => {
    // 2^-0.07 = 0.95264, 0.5^-0.07 = 1.04972: the trade that the paper chose its exponent for
    expect(score(soft, { accuracyFraction: 0.5, latencyMs: 150 }).reward).toBeCloseTo(0.5 * 0.95264, 5);
    expect(score(soft, { accuracyFraction: 0.5, latencyMs: 37.5 }).reward).toBeCloseTo(0.5 * 1.04972, 5);
  });

  it("hard: faster than the target earns nothing, twice too slow halves the reward", () => {
    expect(score(hard, { accuracyFraction: 0.75, latencyMs: 37.5 }).reward).toBe(0.75);
    expect(score(hard, { accuracyFraction: 0.75, latencyMs: 150 }).reward).toBe(0.375);
  });

  it("multiplies any number of targets, each with exponents of its own", () => {
    const spec = {
      form: "weighted-product",
      targets: {
        latencyMs: { target: 1, exponents: "hard" },
        areaMm2: { target: 50, exponents: { inside: -0.5, outside: -2 } },
      },
    };
    // latency 4 -> 1/4; area 200/50 = 4 -> 1/16
    expect(score(spec, { accuracyFraction: 0.64, latencyMs: 4, areaMm2: 200 }).reward).toBeCloseTo(0.01, 12);
    // area 12.5/50 = 1/4 -> (1/4)^-0.5 = 2
    expect(score(spec, { accuracyFraction: 0.25, latencyMs: 0.5, areaMm2: 12.5 }).reward).toBeCloseTo(0.5, 12);
  });

  it("turns the ratio around for a metric that should be high", () => {
    const spec = {
      form: "weighted-product",
      objective: { minimise: "latencyMs" },
      targets: { accuracyFraction: { target: 0.7, direction: "maximise", exponents: "hard" } },
    };
    expect(score(spec, { latencyMs: 4, accuracyFraction: 0.8 }).reward).toBe(0.25);
    expect(score(spec, { latencyMs: 4, accuracyFraction: 0.35 }).reward).toBe(0.125);
  });
});

describe("absolute (TuNAS)", () => {
  const spec = { form: "absolute", targets: { latencyMs: { target: 80, beta: -0.5 } } };

  it("costs the same on either side of the target", () => {
    expect(score(spec, { accuracyFraction: 0.75, latencyMs: 80 }).reward).toBe(0.75);
    expect(score(spec, { accuracyFraction: 0.75, latencyMs: 100 }).reward).toBe(0.625);
    expect(score(spec, { accuracyFraction: 0.75, latencyMs: 60 }).reward).toBe(0.625);
  });

  it("adds up over metrics", () => {
    const two = { ...spec, targets: { ...spec.targets, energyMillijoules: { target: 2, beta: -0.25 } } };
    expect(score(two, { accuracyFraction: 0.75, latencyMs: 100, energyMillijoules: 4 }).reward).toBe(0.375);
  });
});

describe("lexicographic", () => {
  const spec = {
    form: "lexicographic",
    objectives: [{ maximise: "accuracyFraction", step: 0.25 }, { minimise: "latencyMs" }],
  };

  it("puts the second objective between two steps of the first", () => {
    // accuracy 0.6 -> 0.5; latency 3 -> worth 1/4 -> 0.25/1.25 = 0.2 of the step of 0.25
    expect(score(spec, { accuracyFraction: 0.6, latencyMs: 3 }).reward).toBeCloseTo(0.55, 12);
  });

  it("never lets the second objective outweigh a step of the first", () => {
    const slow = score(spec, { accuracyFraction: 0.75, latencyMs: 1e6 }).reward;
    const fast = score(spec, { accuracyFraction: 0.74, latencyMs: 0 }).reward;
    expect(slow).toBeGreaterThan(fast);
  });

  it("is the metric itself when it is the only objective", () => {
    const one = { form: "lexicographic", objectives: [{ maximise: "accuracyFraction" }] };
    expect(score(one, { accuracyFraction: 0.7123 }).reward).toBe(0.7123);
  });

  it("needs a step before a later objective, and one direction an objective", () => {
    const bad = { form: "lexicographic", objectives: [{ maximise: "accuracyFraction" }, { minimise: "latencyMs" }] };
    expect(codeOf(() => score(bad, {}))).toMatch(/REWARD_BAD: reward\.objectives\.0 needs a step/);
    const both = { form: "lexicographic", objectives: [{ maximise: "latencyMs", minimise: "latencyMs" }] };
    expect(codeOf(() => score(both, {}))).toMatch(/exactly one of maximise and minimise/);
  });
});

describe("limits", () => {
  const spec = { form: "weighted-product", targets: {} };
  const limits = { areaMm2: { max: 100 }, accuracyFraction: { min: 0.5 } };

  it("name needed and available, and leave a design inside them alone", () => {
    expect(score(spec, { accuracyFraction: 0.7, areaMm2: 100 }, limits)).toEqual({ reward: 0.7 });
    const over = score(spec, { accuracyFraction: 0.4, areaMm2: 150 }, limits);
    expect(over.infeasible?.code).toBe("limit");
    expect(over.infeasible?.violations).toEqual([
      { subject: "areaMm2", needed: 150, available: 100, unit: "mm2" },
      { subject: "accuracyFraction", needed: 0.4, available: 0.5, unit: "" },
    ]);
    expect(over.infeasible?.reason).toBe(
      "areaMm2 150 is above the limit 100; accuracyFraction 0.4 is below the limit 0.5",
    );
  });

  it("grade the reward: 100 % over gives -(0.1 + 0.9 · 1/2), and a design without metrics gets the floor", () => {
    expect(score(spec, { accuracyFraction: 0.9, areaMm2: 200 }, limits).reward).toBeCloseTo(-0.55, 12);
    const unbuildable: Evaluation = {
      kind: "infeasible",
      infeasible: { code: "shape", reason: "no", violations: [] },
    };
    expect(scoreFunction(rewardSchema.parse(spec), limits, NAMES)(unbuildable).reward).toBe(-1);
  });

  it("that exclude everything are refused", () => {
    const check = () => checkReward(rewardSchema.parse(spec), { areaMm2: { min: 10, max: 5 } }, NAMES);
    expect(codeOf(check)).toBe("STUDY_BAD: limits.areaMm2 excludes every design: min 10 is above max 5");
    const fraction = () => checkReward(rewardSchema.parse(spec), { accuracyFraction: { min: 75 } }, NAMES);
    expect(codeOf(fraction)).toMatch(/STUDY_BAD: .* min 75 is above 1/);
    const negative = () => checkReward(rewardSchema.parse(spec), { areaMm2: { max: -1 } }, NAMES);
    expect(codeOf(negative)).toMatch(/STUDY_BAD: .* max -1 is below 0/);
  });
});

describe("a reward that cannot work is refused before the run", () => {
  it("names the metric and the near miss", () => {
    const spec = { form: "weighted-product", targets: { latencyMS: { target: 1 } } };
    expect(codeOf(() => score(spec, {}))).toBe(
      'REWARD_BAD: reward.targets.latencyMS: "latencyMS" is no metric of this environment; did you mean "latencyMs"?',
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 0.5, "soft-ish"])("exponent %s", (exponent) => {
    const exponents = typeof exponent === "string" ? exponent : { inside: 0, outside: exponent };
    expect(
      rewardSchema.safeParse({ form: "weighted-product", targets: { latencyMs: { target: 1, exponents } } }).success,
    ).toBe(false);
  });
});

describe("for every form and every metrics", () => {
  const value = fc.double({ min: 0, max: 1e12, noNaN: true });
  const exponent = fc.double({ min: -10, max: 0, noNaN: true });
  const target = fc.double({ min: 1e-12, max: 1e12, noNaN: true });
  const spec = fc.oneof(
    fc.record({
      form: fc.constant("weighted-product"),
      targets: fc.record({
        latencyMs: fc.record({ target, exponents: fc.record({ inside: exponent, outside: exponent }) }),
        areaMm2: fc.record({ target, exponents: fc.record({ inside: exponent, outside: exponent }) }),
      }),
    }),
    fc.record({
      form: fc.constant("absolute"),
      targets: fc.record({ latencyMs: fc.record({ target, beta: exponent }) }),
    }),
    fc.record({
      form: fc.constant("lexicographic"),
      objectives: fc.tuple(
        fc.record({ maximise: fc.constant("accuracyFraction"), step: fc.double({ min: 1e-4, max: 1, noNaN: true }) }),
        fc.record({ minimise: fc.constant("latencyMs"), scale: target }),
      ),
    }),
  );
  const metrics = fc.record({
    accuracyFraction: fc.double({ min: 0, max: 1, noNaN: true }),
    latencyMs: value,
    energyMillijoules: value,
    areaMm2: value,
  });

  it("the reward is finite, and every design over a limit is below every feasible one and above the floor", () => {
    fc.assert(
      fc.property(spec, metrics, metrics, (given, a, b) => {
        const parsed = rewardSchema.parse(given);
        const limited = scoreFunction(parsed, { areaMm2: { max: 10 } }, NAMES);
        const [scoreA, scoreB] = [limited(measured(a)), limited(measured(b))];
        expect(Number.isFinite(scoreA.reward)).toBe(true);
        expect(scoreA.reward).toBeGreaterThan(parsed.infeasible.worst);
        if (scoreA.infeasible === undefined && scoreB.infeasible !== undefined) {
          expect(scoreA.reward).toBeGreaterThan(scoreB.reward);
        }
      }),
    );
  });

  it("more accuracy never lowers it; less latency never lowers product and lexicographic", () => {
    fc.assert(
      fc.property(
        spec,
        metrics,
        value,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (given, base, latencyMs, accuracy) => {
          const reward = scoreFunction(rewardSchema.parse(given), {}, NAMES);
          const at = (change: Metrics): number => reward(measured({ ...base, ...change })).reward;
          const tolerance = 1e-9 * Math.abs(at({}));
          const low = Math.min(accuracy, base.accuracyFraction);
          const high = Math.max(accuracy, base.accuracyFraction);
          expect(at({ accuracyFraction: high })).toBeGreaterThanOrEqual(at({ accuracyFraction: low }) - tolerance);
          if (given.form === "absolute") return;
          const fast = Math.min(latencyMs, base.latencyMs);
          const slow = Math.max(latencyMs, base.latencyMs);
          expect(at({ latencyMs: fast })).toBeGreaterThanOrEqual(at({ latencyMs: slow }) - tolerance);
        },
      ),
    );
  });

  it("the further over the limit, the lower", () => {
    const reward = scoreFunction(rewardSchema.parse({ form: "weighted-product" }), { areaMm2: { max: 10 } }, NAMES);
    fc.assert(
      fc.property(
        fc.double({ min: 10.001, max: 100, noNaN: true }),
        fc.double({ min: 1.01, max: 5, noNaN: true }),
        (area, factor) => {
          const at = (areaMm2: number): number => reward(measured({ accuracyFraction: 0.7, areaMm2 })).reward;
          expect(at(Math.min(109, area * factor))).toBeLessThan(at(area));
        },
      ),
    );
  });
});
