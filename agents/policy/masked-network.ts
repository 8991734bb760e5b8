// One hidden layer in which every output sees only the decisions before its own: all the conditionals of a batch in one pass.
// Paper: Germain et al. 2015, "MADE", arXiv:1502.03509, section 3: hidden unit u sees the first degree(u) decisions, and
// output d sees the hidden units of degree <= d. Degrees rise with u, so what a unit or an output sees is a range, and drawing
// extends one prefix knob by knob. Two matrix products forward and three back, in compiled loops (kernels/).
import type { RandomStream } from "../../src/core/rng.js";
import { INACTIVE } from "../../src/core/space.js";
import { type Block, type LoopMemory, loopMemory, padded } from "./kernels/policy-loops-wasm.js";
import type { Layout } from "./layout.js";
import { type Parameter, parameterOf } from "./policy.js";

/** Weights that lead from the hidden units to `perDecision` outputs of each decision. */
interface Group {
  readonly weights: Parameter;
  readonly perDecision: number;
  /** where its columns begin among all outputs */
  readonly start: number;
}

/** The outputs of a batch without their biases: row r begins at r * stride. */
export interface Columns {
  readonly values: Float32Array;
  readonly stride: number;
}

export class MaskedNetwork {
  readonly degrees: Int32Array;
  readonly inputWeights: Parameter; // [features, hidden]
  readonly inputBiases: Parameter; // [hidden]
  readonly #groups: readonly Group[];
  readonly #layout: Layout;
  readonly #columns: number;

  /** Hidden units start at random, outputs at zero.
   *  @param groups name and number of outputs per decision */
  constructor(
    layout: Layout,
    hiddenUnits: number,
    random: RandomStream,
    learningRateScale: number,
    groups: readonly (readonly [name: string, perDecision: number])[],
    prefix = "",
  ) {
    const { decisions, featureCount } = layout;
    this.#layout = layout;
    this.degrees = degreesOf(hiddenUnits, decisions.length);
    const spread = Math.sqrt(2 / Math.max(1, decisions.length));
    const initial = Float32Array.from({ length: featureCount * hiddenUnits }, () => spread * random.normal());
    const parameter = (name: string, shape: readonly number[], values?: Float32Array) =>
      parameterOf(`${prefix}${name}`, shape, learningRateScale, values);
    this.inputWeights = parameter("inputWeights", [featureCount, hiddenUnits], initial);
    this.inputBiases = parameter("inputBiases", [hiddenUnits]);
    let start = 0;
    this.#groups = groups.map(([name, perDecision]) => {
      const weights = parameter(name, [hiddenUnits, decisions.length * perDecision]);
      const group = { weights, perDecision, start };
      start += decisions.length * perDecision;
      return group;
    });
    this.#columns = start;
  }

  /** In the order of the groups. */
  get outputWeights(): readonly Parameter[] {
    return this.#groups.map(({ weights }) => weights);
  }

  /** Runs the network. @param choices codes per decision, shape [count * decisions]  @param use reads the outputs at once */
  run<T>(choices: Int32Array, count: number, use: (columns: Columns) => T): T {
    const memory = loopMemory();
    return use(this.#forward(memory, choices, count).columns());
  }

  /** Runs the network, has its outputs overwritten with the loss's slopes, and writes the gradient of every parameter. */
  differentiate(choices: Int32Array, count: number, overwrite: (columns: Columns) => void): void {
    const memory = loopMemory();
    const hiddenUnits = this.degrees.length;
    const { featureCount } = this.#layout;
    const [units, width] = [padded(hiddenUnits), padded(this.#columns)];
    const { features, hidden, outputs, columns } = this.#forward(memory, choices, count);
    const outputGradient = memory.take(hiddenUnits * width);
    const transposed = memory.take(this.#columns * units);
    const dHidden = memory.take(count * units);
    const inputGradient = memory.take(featureCount * units);
    overwrite(columns());

    const { multiply } = memory.loops;
    multiply(
      hidden.at,
      4,
      4 * units,
      outputs.at,
      4 * width,
      outputGradient.at,
      4 * width,
      hiddenUnits,
      width,
      count,
      0,
    );
    this.#packOutputWeights(memory.floats(transposed).fill(0), 1, units);
    multiply(outputs.at, 4 * width, 4, transposed.at, 4 * units, dHidden.at, 4 * units, count, units, this.#columns, 0);
    const [activations, slopes] = [memory.floats(hidden), memory.floats(dHidden)];
    const biasSums = new Float64Array(units);
    for (let i = 0; i < slopes.length; i++) {
      if (activations[i]! === 0) slopes[i] = 0;
      else biasSums[i % units] = biasSums[i % units]! + slopes[i]!;
    }
    multiply(
      features.at,
      4,
      4 * featureCount,
      dHidden.at,
      4 * units,
      inputGradient.at,
      4 * units,
      featureCount,
      units,
      count,
      0,
    );

    for (let u = 0; u < hiddenUnits; u++) this.inputBiases.gradient[u] = biasSums[u]!;
    this.#unpackOutputGradient(memory.floats(outputGradient), width);
    const found = memory.floats(inputGradient);
    this.#eachInputRow((row, first) => {
      this.inputWeights.gradient.set(
        found.subarray(row * units + first, row * units + hiddenUnits),
        row * hiddenUnits + first,
      );
    });
  }

  #forward(memory: LoopMemory, choices: Int32Array, count: number) {
    const hiddenUnits = this.degrees.length;
    const { featureCount } = this.#layout;
    const [units, width] = [padded(hiddenUnits), padded(this.#columns)];
    const features = memory.take(count * featureCount);
    const inputs = memory.take(featureCount * units);
    const hidden = memory.take(count * units);
    const weights = memory.take(hiddenUnits * width);
    const outputs: Block = memory.take(count * width);
    this.#writeFeatures(choices, count, memory.floats(features).fill(0));
    const packed = memory.floats(inputs).fill(0);
    this.#eachInputRow((row, first) => {
      const source = this.inputWeights.values.subarray(row * hiddenUnits + first, (row + 1) * hiddenUnits);
      packed.set(source, row * units + first);
    });
    this.#packOutputWeights(memory.floats(weights).fill(0), width, 1);
    const activations = memory.floats(hidden).fill(0);
    for (let row = 0; row < count; row++) activations.set(this.inputBiases.values, row * units);

    const { multiply } = memory.loops;
    multiply(
      features.at,
      4 * featureCount,
      4,
      inputs.at,
      4 * units,
      hidden.at,
      4 * units,
      count,
      units,
      featureCount,
      1,
    );
    for (let i = 0; i < activations.length; i++) if (activations[i]! < 0) activations[i] = 0; // what is no number stays so
    multiply(hidden.at, 4 * units, 4, weights.at, 4 * width, outputs.at, 4 * width, count, width, hiddenUnits, 0);
    return { features, hidden, outputs, columns: (): Columns => ({ values: memory.floats(outputs), stride: width }) };
  }

  #writeFeatures(choices: Int32Array, count: number, into: Float32Array): void {
    const { decisions, featureCount } = this.#layout;
    for (let row = 0; row < count; row++) {
      for (let d = 0; d < decisions.length; d++) {
        const code = choices[row * decisions.length + d]!;
        if (code === INACTIVE) continue;
        const { featureStart, ordered, valueCount } = decisions[d]!;
        const start = row * featureCount + featureStart;
        into[ordered ? start : start + code] = 1;
        if (ordered) into[start + 1] = (2 * code) / (valueCount - 1) - 1;
      }
    }
  }

  /** For each row of the input weights the first hidden unit that it reaches. */
  #eachInputRow(visit: (row: number, first: number) => void): void {
    let first = 0;
    this.#layout.decisions.forEach(({ featureStart, featureCount }, d) => {
      while (first < this.degrees.length && this.degrees[first]! <= d) first++;
      for (let f = 0; f < featureCount; f++) visit(featureStart + f, first);
    });
  }

  /** What is connected, element (unit, column) to unit * unitStride + column * columnStride. */
  #packOutputWeights(into: Float32Array, unitStride: number, columnStride: number): void {
    for (const { weights, perDecision, start } of this.#groups) {
      const size = perDecision * this.#layout.decisions.length;
      for (let u = 0; u < this.degrees.length; u++) {
        const first = this.degrees[u]! * perDecision;
        if (columnStride === 1) {
          into.set(weights.values.subarray(u * size + first, (u + 1) * size), u * unitStride + start + first);
          continue;
        }
        for (let column = first; column < size; column++) {
          into[u * unitStride + (start + column) * columnStride] = weights.values[u * size + column]!;
        }
      }
    }
  }

  #unpackOutputGradient(from: Float32Array, stride: number): void {
    for (const { weights, perDecision, start } of this.#groups) {
      const size = perDecision * this.#layout.decisions.length;
      for (let u = 0; u < this.degrees.length; u++) {
        const first = this.degrees[u]! * perDecision;
        const row = u * stride + start;
        weights.gradient.set(from.subarray(row + Math.min(first, size), row + size), u * size + Math.min(first, size));
      }
    }
  }
}

/** How many decisions each hidden unit sees: 1 .. decisions - 1, spread evenly and rising. */
export function degreesOf(hiddenUnits: number, decisionCount: number): Int32Array {
  const range = Math.max(1, decisionCount - 1);
  return Int32Array.from({ length: hiddenUnits }, (_, u) => 1 + Math.floor((u * range) / hiddenUnits));
}
