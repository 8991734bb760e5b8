import { beforeAll, describe, expect, it } from "vitest";
import { embeddedSet } from "../../../../envs/accuracy/training/image-set.js";
import { seedFit } from "../../../../envs/accuracy/training/seed-fit.js";
import { OwnWeights } from "../../../../envs/accuracy/training/weights.js";
import {
  gradNorm,
  logDeterminantOfAgreement,
  synflow,
  zeroCostScores,
  zico,
} from "../../../../envs/accuracy/zero-cost/scores.js";
import { zeroCostFit } from "../../../../envs/accuracy/zero-cost/zero-cost-fit.js";
import { buildNetwork } from "../../../../envs/network/network-file.js";
import { initBackend } from "../../../../src/tensors/backend.js";

beforeAll(async () => {
  await initBackend("wasm");
});

const sizeOf = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + Math.abs(value), 0);

describe("zero-cost scores, worked by hand", () => {
  it("naswot: two images that share 3 of 4 units: K = [[4, 3], [3, 4]], ln 7", () => {
    const codes = [Uint8Array.from([1, 0, 1, 1]), Uint8Array.from([1, 0, 1, 0])];
    expect(logDeterminantOfAgreement(codes)).toBeCloseTo(Math.log(7), 5);
  });

  it("naswot: images that switch alike carry nothing", () => {
    const code = Uint8Array.from([1, 0, 1, 1]);
    expect(logDeterminantOfAgreement([code, code])).toBeLessThan(-10);
  });

  it("zico: gradients 1 and 3 have mean 2 and deviation 1; 2 and 2 have none and do not count; layers add logarithms", () => {
    // layer 1: weights (1, 3) and (2, 2) -> 2; layer 2: (-1, 5): mean |g| 3, mean 2, deviation 3 -> 1, so ln 2 + ln 1
    expect(
      zico([
        [[1, 2], [-1]],
        [[3, 2], [5]],
      ]),
    ).toBeCloseTo(Math.log(2), 12);
  });

  it("grad-norm: (3) and (0, 4) have length 5", () => {
    expect(gradNorm([[3], [0, 4]])).toBeCloseTo(Math.log(5), 12);
  });

  it("synflow: in one matrix every weight's flow is its own size, in two each path counts once per layer", () => {
    const set = { size: 1, classes: 2 };
    const one = buildNetwork({
      name: "one",
      input: { resolution: 1 },
      classes: 2,
      layers: [{ kind: "fully-connected", name: "last", units: 2 }],
    });
    const weights = new OwnWeights(3);
    const flow = Math.exp(synflow(one, weights, set));
    const [matrix] = weights.variables;
    const size = sizeOf(matrix!.dataSync());
    expect(matrix!.shape).toEqual([3, 2]);
    expect(flow).toBeCloseTo(size, 4);
    weights.dispose();

    const two = buildNetwork({
      name: "two",
      input: { resolution: 1 },
      classes: 2,
      layers: [
        { kind: "fully-connected", name: "first", units: 1 },
        { kind: "fully-connected", name: "last", units: 2 },
      ],
    });
    const both = new OwnWeights(3);
    const flowOfBoth = Math.exp(synflow(two, both, set));
    const sums = both.variables.map((variable) => sizeOf(variable.dataSync()));
    expect(flowOfBoth).toBeCloseTo(2 * sums[0]! * sums[1]!, 4);
    both.dispose();
  });

  it("answers for a convolutional network with finite numbers, the same each time", () => {
    const { train } = embeddedSet(1, 40, 1, 8);
    const network = buildNetwork({
      name: "tiny",
      input: { resolution: 8 },
      classes: 10,
      stem: { channels: 4 },
      stages: [{ kind: "inverted-residual", expansion: 2, channels: 6, stride: 2, squeezeExcite: 0.25 }],
    });
    const scores = zeroCostScores(network, train, 1);
    for (const score of Object.values(scores)) expect(Number.isFinite(score)).toBe(true);
    expect(zeroCostScores(network, train, 1)).toEqual(scores);
    expect(scores.macs).toBeCloseTo(Math.log(network.macCount), 12);
  });
});

describe("synflow of networks with ReLU6", () => {
  it("is not stopped by the cap: it grows with the width of inverted residuals", () => {
    const scoreOf = (channels: number): number => {
      const network = buildNetwork({
        name: "capped",
        input: { resolution: 16 },
        activation: "relu6",
        stem: { channels: 16, stride: 2 },
        stages: [{ kind: "inverted-residual", kernel: 5, expansion: 4, channels, stride: 2, repeat: 3 }],
        head: { channels: 64 },
      });
      const weights = new OwnWeights(1);
      const score = synflow(network, weights, { size: 16, classes: 10 });
      weights.dispose();
      return score;
    };
    const [narrow, wide] = [scoreOf(8), scoreOf(32)];
    expect(narrow).toBeGreaterThan(0);
    expect(wide).toBeGreaterThan(narrow);
    expect(Number.isFinite(wide)).toBe(true);
  });
});

describe("from scores to accuracies", () => {
  it("puts a line through ln odds: scores 0 to 3 with odds e^0 to e^-3 leave nothing over", () => {
    const scores = [0, 1, 2, 3].map((x) => ({ synflow: x, naswot: x, zico: x, "grad-norm": x, macs: x, params: x }));
    const accuracies = [0, 1, 2, 3].map((x) => 1 / (1 + Math.exp(-x)));
    const { fitted } = zeroCostFit(scores, accuracies, "by hand");
    const { mean, deviation, intercept, slope, variance } = fitted.lines.macs;
    expect([mean, deviation, intercept]).toEqual([1.5, Math.sqrt(1.25), expect.closeTo(-1.5, 12)]);
    expect(slope).toBeCloseTo(-Math.sqrt(1.25), 12);
    expect(variance).toBeCloseTo(0, 12);
    expect(fitted.lines.aggregate.slope).toBeCloseTo(slope, 12);
    const { error } = fitted.lines.macs;
    expect(error).toMatchObject({ kendallTau: 1, macsOnlyKendallTau: 1, networkCount: 4, protocol: "by hand" });
    expect(error!.meanAbsoluteErrorPoints).toBeCloseTo(0, 10);
  });

  it("measures its error on networks that the line has not seen", () => {
    // one score says nothing, the other all: of four networks with accuracies 0.2, 0.4, 0.6, 0.8
    const accuracies = [0.2, 0.4, 0.6, 0.8];
    const scores = accuracies.map((_, x) => ({
      ...{ synflow: x, naswot: x, zico: x, "grad-norm": x, params: x },
      macs: [1, 0, 0, 1][x]!,
    }));
    const { lines } = zeroCostFit(scores, accuracies, "by hand").fitted;
    expect(lines.params.error!.kendallTau).toBe(1);
    expect(lines.params.error!.meanAbsoluteErrorPoints).toBeLessThan(5);
    expect(lines.macs.error!.meanAbsoluteErrorPoints).toBeGreaterThan(20);
    expect(lines.macs.error!.kendallTau).toBeLessThan(0.1);
  });
});

describe("what a training says of another with another seed", () => {
  it("is split from the differences: two networks, ln(error) 0.2 apart", () => {
    const scores = { synflow: 0, naswot: 0, zico: 0, "grad-norm": 0, macs: 0, params: 0 };
    const row = (name: string, error: number, other: number) => ({ name, accuracies: [1 - error, 1 - other], scores });
    const fit = seedFit([row("a", 0.5, 0.5 * Math.exp(0.2)), row("b", 0.3, 0.3 * Math.exp(-0.2))], "by hand");
    expect(fit.logErrorDeviation).toBeCloseTo(0.2 / Math.sqrt(2), 12); // a difference has twice the variance
    expect(fit.error).toMatchObject({ kendallTau: 1, networkCount: 2, coverage90: 1 });
    const misses = [0.5 * (Math.exp(0.2) - 1), 0.3 * (1 - Math.exp(-0.2))];
    expect(fit.error.meanAbsoluteErrorPoints).toBeCloseTo(50 * (misses[0]! + misses[1]!), 10);
  });
});
