import { beforeAll, describe, expect, it } from "vitest";
import { embeddedSet } from "../../../../envs/accuracy/training/image-set.js";
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

describe("from scores to accuracies", () => {
  it("puts a line through ln odds: scores 0 to 3 with odds e^0 to e^-3 leave nothing over", () => {
    const scores = [0, 1, 2, 3].map((x) => ({ synflow: x, naswot: x, zico: x, "grad-norm": x, macs: x, params: x }));
    const accuracies = [0, 1, 2, 3].map((x) => 1 / (1 + Math.exp(-x)));
    const { fitted } = zeroCostFit(scores, accuracies);
    const { mean, deviation, intercept, slope, variance } = fitted.lines.macs;
    expect([mean, deviation, intercept]).toEqual([1.5, Math.sqrt(1.25), expect.closeTo(-1.5, 12)]);
    expect(slope).toBeCloseTo(-Math.sqrt(1.25), 12);
    expect(variance).toBeCloseTo(0, 12);
    expect(fitted.lines.aggregate.slope).toBeCloseTo(slope, 12);
  });
});
