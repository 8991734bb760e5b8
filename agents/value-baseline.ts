// A learned baseline: a value network that says after each choice what the candidate will be worth, so that a decision is
// judged by what it changed. The prefixes of a candidate are the states of its episode; the only reward comes at the end.
// Papers: Schulman et al. 2016, "Generalized advantage estimation", arXiv:1506.02438, equation 16 (without discounting);
// Weaver & Tao 2001 (a baseline that depends on the state leaves the gradient unbiased).
import type { Diagnostics, StateTree } from "../src/core/agent.js";
import { CosearchError } from "../src/core/errors.js";
import { RandomStream } from "../src/core/rng.js";
import { INACTIVE } from "../src/core/space.js";
import type { Trial } from "../src/core/trial.js";
import { compareTrials, normalisedAdvantages, rankAdvantages } from "./losses/advantages.js";
import { episodeAdvantages, explainedVariance } from "./losses/values.js";
import { Adam } from "./optim/adam.js";
import type { Layout } from "./policy/layout.js";
import { type Columns, MaskedNetwork } from "./policy/masked-network.js";
import { type Parameter, parameterOf } from "./policy/policy.js";

export interface ValueSettings {
  readonly advantage: "rank" | "normalized";
  readonly hiddenUnits: number;
  readonly valueLearningRate: number;
  readonly valueSteps: number;
  readonly gaeLambda: number;
  readonly maxGradNorm: number;
}

/** Learning rate of the network's connections, relative to that of its output biases. */
const CONNECTION_SCALE = 0.1;

/** Mean and spread of all rewards so far (Welford 1962), so that the network predicts numbers near 1. */
interface Moments {
  count: number;
  mean: number;
  squares: number;
}

export class ValueBaseline {
  readonly #layout: Layout;
  readonly #settings: ValueSettings;
  readonly #network: MaskedNetwork;
  readonly #stateBiases: Parameter;
  readonly #adam: Adam;
  #moments: Moments = { count: 0, mean: 0, squares: 0 };

  constructor(layout: Layout, seed: number, label: string, settings: ValueSettings) {
    this.#layout = layout;
    this.#settings = settings;
    const random = RandomStream.of(seed, label);
    this.#network = new MaskedNetwork(layout, settings.hiddenUnits, random, CONNECTION_SCALE, [["stateWeights", 1]]);
    this.#stateBiases = parameterOf("stateBiases", [layout.decisions.length], 1);
    const { inputWeights, inputBiases, outputWeights } = this.#network;
    const { maxGradNorm } = settings;
    const parameters = [inputWeights, inputBiases, ...outputWeights, this.#stateBiases];
    this.#adam = new Adam(parameters, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, maxGradNorm });
  }

  /** Judges a batch by what was expected before it, then learns from it.
   *  @returns advantages per decision, normalised over the batch, 0 where a knob does not count, shape [count * decisions]
   *  @throws CosearchError AGENT_DIVERGED, nothing changed */
  judge(
    codes: readonly Int32Array[],
    trials: readonly Trial[],
  ): { advantages: Float64Array; diagnostics: Diagnostics } {
    const { decisions } = this.#layout;
    const { gaeLambda, valueSteps, valueLearningRate } = this.#settings;
    const moments = { ...this.#moments };
    const returns = this.#returnsOf(trials);
    const choices = new Int32Array(codes.length * decisions.length);
    codes.forEach((point, row) => {
      decisions.forEach(({ position }, d) => {
        choices[row * decisions.length + d] = point[position]!;
      });
    });
    try {
      const values = this.#network.run(choices, codes.length, (columns) => this.#valuesOf(columns, codes.length));
      const losses = this.#adam.transaction(() =>
        Array.from({ length: valueSteps }, () => {
          const loss = this.#differentiate(choices, returns);
          return this.#adam.step(loss, valueLearningRate).loss;
        }),
      );
      const { advantages, expected, got } = this.#advantagesOf(codes, values, returns, gaeLambda);
      return {
        advantages,
        diagnostics: {
          "train/value_loss": losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
          "train/explained_variance": explainedVariance(expected, got),
        },
      };
    } catch (error) {
      this.#moments = moments;
      throw error;
    }
  }

  /** Values of the states, shape [count * decisions]. */
  #valuesOf({ values, stride }: Columns, count: number): Float64Array {
    const width = this.#layout.decisions.length;
    return Float64Array.from({ length: count * width }, (_, cell) => {
      const d = cell % width;
      return values[Math.floor(cell / width) * stride + d]! + this.#stateBiases.values[d]!;
    });
  }

  /** Mean squared error over the decisions that count; writes its gradient. */
  #differentiate(choices: Int32Array, returns: Float64Array): number {
    const width = this.#layout.decisions.length;
    const activeCount = choices.reduce((sum, choice) => sum + Number(choice !== INACTIVE), 0);
    const biasSums = new Float64Array(width);
    let loss = 0;
    this.#network.differentiate(choices, returns.length, (columns) => {
      const found = this.#valuesOf(columns, returns.length);
      found.forEach((value, cell) => {
        const [row, d] = [Math.floor(cell / width), cell % width];
        const error = choices[cell] === INACTIVE ? 0 : value - returns[row]!;
        loss += (error * error) / activeCount;
        columns.values[row * columns.stride + d] = (2 * error) / activeCount;
        biasSums[d] = biasSums[d]! + (2 * error) / activeCount;
      });
    });
    this.#stateBiases.gradient.set(biasSums);
    return loss;
  }

  #advantagesOf(codes: readonly Int32Array[], values: Float64Array, returns: Float64Array, lambda: number) {
    const { decisions } = this.#layout;
    const cells: number[] = [];
    const found: number[] = [];
    const got: number[] = [];
    codes.forEach((point, row) => {
      const own = decisions.flatMap(({ position }, d) =>
        point[position] === INACTIVE ? [] : [row * decisions.length + d],
      );
      cells.push(...own);
      found.push(
        ...episodeAdvantages(
          own.map((cell) => values[cell]!),
          returns[row]!,
          lambda,
        ),
      );
      for (const _ of own) got.push(returns[row]!);
    });
    const advantages = new Float64Array(values.length);
    normalisedAdvantages(found).forEach((advantage, i) => {
      advantages[cells[i]!] = advantage;
    });
    return { advantages, expected: cells.map((cell) => values[cell]!), got };
  }

  /** What each candidate was worth: its centred rank in the batch, or its reward in units of all rewards so far. */
  #returnsOf(trials: readonly Trial[]): Float64Array {
    if (this.#settings.advantage === "rank") return rankAdvantages(trials, compareTrials);
    for (const { reward } of trials) {
      const { count, mean, squares } = this.#moments;
      const next = mean + (reward - mean) / (count + 1);
      this.#moments = { count: count + 1, mean: next, squares: squares + (reward - mean) * (reward - next) };
    }
    const { count, mean, squares } = this.#moments;
    const deviation = Math.sqrt(squares / Math.max(1, count));
    return Float64Array.from(trials, ({ reward }) => (deviation > 0 ? (reward - mean) / deviation : 0));
  }

  state(): StateTree {
    return { moments: { ...this.#moments }, optimiser: this.#adam.state() };
  }

  /** @throws CosearchError AGENT_BAD_STATE */
  restore(state: StateTree | undefined): void {
    const saved = state as { readonly moments?: Moments; readonly optimiser?: StateTree } | null | undefined;
    if (saved?.moments === undefined)
      throw new CosearchError("AGENT_BAD_STATE", "the saved state has no value network");
    this.#adam.restore(saved.optimiser ?? null);
    this.#moments = { ...saved.moments };
  }
}
