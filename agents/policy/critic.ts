// The masked network of masked-network.ts as a critic: for every decision of a batch one number per value, each from the decisions
// before it. Action values are those of the state plus centred advantages (Wang et al. 2016, "Dueling network architectures",
// arXiv:1511.06581, equation 9). Ordered knobs sum their outputs, so that neighbouring levels are learnt together.
import { RandomStream } from "../../src/core/rng.js";
import { INACTIVE } from "../../src/core/space.js";
import type { Layout } from "./layout.js";
import { type Columns, MaskedNetwork } from "./masked-network.js";
import { type Parameter, parameterOf } from "./policy.js";

export interface CriticSettings {
  readonly hiddenUnits: number;
  /** learning rate of the connections between knobs, relative to that of the output biases */
  readonly connectionLearningRateScale: number;
}

/** One critic; its values start at zero. */
export class Critic {
  readonly parameters: readonly Parameter[];
  readonly #layout: Layout;
  readonly #network: MaskedNetwork;
  readonly #outputBiases: Parameter;
  readonly #stateBiases: Parameter;

  /** @param prefix of the parameters' names */
  constructor(layout: Layout, seed: number, label: string, settings: CriticSettings, prefix = "") {
    const { hiddenUnits, connectionLearningRateScale } = settings;
    const { decisions, width } = layout;
    this.#layout = layout;
    const groups = [
      ["outputWeights", width],
      ["stateWeights", 1],
    ] as const;
    const random = RandomStream.of(seed, label);
    this.#network = new MaskedNetwork(layout, hiddenUnits, random, connectionLearningRateScale, groups, prefix);
    this.#outputBiases = parameterOf(`${prefix}outputBiases`, [decisions.length * width], 1);
    this.#stateBiases = parameterOf(`${prefix}stateBiases`, [decisions.length], 1);
    const { inputWeights, inputBiases, outputWeights } = this.#network;
    const [outputs, states] = outputWeights as [Parameter, Parameter];
    this.parameters = [inputWeights, inputBiases, outputs, this.#outputBiases, states, this.#stateBiases];
  }

  /** Action values, shape [count * decisions * width]. @param choices codes per decision, shape [count * decisions] */
  values(choices: Int32Array, count: number): Float64Array {
    return this.#network.run(choices, count, (columns) => this.#valuesOf(columns, count));
  }

  #valuesOf({ values, stride }: Columns, count: number): Float64Array {
    const { decisions, width } = this.#layout;
    const found = new Float64Array(count * decisions.length * width);
    const states = decisions.length * width;
    for (let row = 0; row < count; row++) {
      decisions.forEach(({ valueCount, ordered, outputScale }, d) => {
        const at = (row * decisions.length + d) * width;
        let [level, sum] = [0, 0];
        for (let v = 0; v < valueCount; v++) {
          const step =
            outputScale * (values[row * stride + d * width + v]! + this.#outputBiases.values[d * width + v]!);
          level = ordered ? (v === 0 ? 0 : level + step) : step;
          found[at + v] = level;
          sum += level;
        }
        const state = values[row * stride + states + d]! + this.#stateBiases.values[d]!;
        for (let v = 0; v < valueCount; v++) found[at + v] = found[at + v]! - sum / valueCount + state;
      });
    }
    return found;
  }

  /** Squared errors of the chosen actions' values, summed and divided by `activeCount`; writes their gradient.
   *  @param wanted shape [count * decisions] */
  differentiate(choices: Int32Array, count: number, wanted: ArrayLike<number>, activeCount: number): number {
    const { decisions, width } = this.#layout;
    const biasSums = new Float64Array(this.#outputBiases.values.length);
    const stateSums = new Float64Array(decisions.length);
    let loss = 0;
    this.#network.differentiate(choices, count, (columns) => {
      const found = this.#valuesOf(columns, count);
      const { values, stride } = columns;
      values.fill(0);
      for (let cell = 0; cell < choices.length; cell++) {
        const choice = choices[cell]!;
        if (choice === INACTIVE) continue;
        const d = cell % decisions.length;
        const error = found[cell * width + choice]! - wanted[cell]!;
        loss += (error * error) / activeCount;
        const slope = (2 * error) / activeCount;
        const row = Math.floor(cell / decisions.length) * stride;
        values[row + decisions.length * width + d] = slope;
        stateSums[d] = stateSums[d]! + slope;
        const { valueCount, ordered, outputScale } = decisions[d]!;
        let later = 0; // an ordered knob's step moves all levels from its own on
        for (let v = valueCount - 1; v >= 0; v--) {
          const action = slope * (Number(v === choice) - 1 / valueCount);
          later = ordered ? later + action : action;
          const step = ordered && v === 0 ? 0 : outputScale * later;
          values[row + d * width + v] = step;
          biasSums[d * width + v] = biasSums[d * width + v]! + step;
        }
      }
    });
    this.#outputBiases.gradient.set(biasSums);
    this.#stateBiases.gradient.set(stateSums);
    return loss;
  }

  /** Takes over share `rate` of another critic's weights: 1 copies. */
  follow(other: Critic, rate: number): void {
    this.parameters.forEach(({ values }, i) => {
      const theirs = other.parameters[i]!.values;
      for (let k = 0; k < values.length; k++) values[k] = (1 - rate) * values[k]! + rate * theirs[k]!;
    });
  }

  /** Copies of the weights. */
  weights(): Float32Array[] {
    return this.parameters.map(({ values }) => values.slice());
  }

  setWeights(weights: readonly Float32Array[]): void {
    this.parameters.forEach(({ values }, i) => {
      values.set(weights[i]!);
    });
  }
}
