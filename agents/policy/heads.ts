// The heads of a policy: from the outputs of what stands before them (a network, or nothing) to log-probabilities and entropies,
// and back from the slopes of a loss to those of the outputs, in closed form. They own the output biases and, where the policy is
// told a context, its weights: the context shifts the outputs linearly, the same way in every policy.
// Ordered knobs sum their outputs (adjacent categories): logit v = scale * (outputs 1 + ... + v). Context as preference input
// after Abels et al. 2019, arXiv:1809.07803 (a network conditioned on the weights); linear, because the agent chooses the features.
import { INACTIVE } from "../../src/core/space.js";
import type { Layout } from "./layout.js";
import { type Context, type Evaluated, type Parameter, type PolicyBatch, parameterOf, type Slopes } from "./policy.js";

/** Where the outputs of a batch lie: that of value v of decision d of row r is at r * rowStride + d * decisionStride + v. */
export interface Outputs {
  readonly values: Float32Array;
  readonly rowStride: number;
  readonly decisionStride: number;
}

/** The distributions of a batch; one row for all candidates when nothing tells them apart. */
interface HeadTables {
  /** of every value, 0 where a knob does not count, shape [rows * decisions * width] */
  readonly probabilities: Float64Array;
  readonly logProbs: Float64Array;
  /** of every decision, shape [rows * decisions] */
  readonly entropies: Float64Array;
}

/** What `Heads.evaluate` found, with what the way back needs; its tables are good until the next evaluation. */
export interface HeadEvaluation extends Evaluated, HeadTables {
  readonly isShared: boolean;
}

export class Heads {
  /** outputBiases [decisions * width], then contextWeights [context, decisions * width] where there is a context */
  readonly parameters: readonly Parameter[];
  readonly #layout: Layout;
  readonly #contextSize: number;
  readonly #logits: Float64Array;
  /** room for the tables of the largest batch so far, used again and again */
  #room: HeadTables = tablesOf(0, 0);

  /** @param contextSize numbers that the policy is told with each candidate, 0: none */
  constructor(layout: Layout, contextSize: number) {
    const outputs = layout.decisions.length * layout.width;
    this.#layout = layout;
    this.#contextSize = contextSize;
    this.#logits = new Float64Array(layout.width);
    this.parameters = [
      parameterOf("outputBiases", [outputs], 1),
      ...(contextSize === 0 ? [] : [parameterOf("contextWeights", [contextSize, outputs], 1)]),
    ];
  }

  get biases(): Float32Array {
    return this.parameters[0]!.values;
  }

  /** biases + context . weights of each candidate; undefined without a context. */
  biasRows(context: Context | undefined): Float32Array[] | undefined {
    const weights = this.parameters[1]?.values;
    if (context === undefined || weights === undefined) return undefined;
    return context.map((row) => {
      const shifted = this.biases.slice();
      for (let c = 0; c < this.#contextSize; c++) {
        for (let o = 0; o < shifted.length; o++) shifted[o] = shifted[o]! + row[c]! * weights[c * shifted.length + o]!;
      }
      return shifted;
    });
  }

  /** The candidates of a batch as the policies read them. */
  batch(codes: readonly ArrayLike<number>[], context: Context | undefined): PolicyBatch {
    const { decisions, width, space } = this.#layout;
    const choices = new Int32Array(codes.length * decisions.length);
    const allowed = space.hasRules ? new Uint8Array(choices.length * width).fill(1) : undefined;
    codes.forEach((point, row) => {
      decisions.forEach(({ position }, d) => {
        const cell = row * decisions.length + d;
        choices[cell] = point[position]!;
        const mask = allowed && choices[cell] !== INACTIVE ? space.mask(position, point) : null;
        if (mask !== null) allowed!.set(mask, cell * width);
      });
    });
    if (this.#contextSize === 0) return { count: codes.length, choices, allowed, context: undefined };
    const told = new Float32Array(codes.length * this.#contextSize);
    context?.forEach((row, i) => {
      told.set(Array.from(row), i * this.#contextSize);
    });
    return { count: codes.length, choices, allowed, context: told };
  }

  /** @param outputs those of the batch before biases and context; none for a policy without a network */
  evaluate(batch: PolicyBatch, outputs: Outputs | undefined): HeadEvaluation {
    const { decisions, width } = this.#layout;
    const { count, choices } = batch;
    const isShared = outputs === undefined && batch.allowed === undefined && batch.context === undefined;
    const rows = isShared ? 1 : count;
    const found = { ...this.#tables(rows * decisions.length), isShared };
    const { logProbs, entropies } = found;
    for (let row = 0; row < rows; row++) {
      for (let d = 0; d < decisions.length; d++) {
        const cell = row * decisions.length + d;
        if (!isShared && choices[cell] === INACTIVE) continue;
        this.#setLogits(batch, outputs, row, d);
        entropies[cell] = this.#settle(found, cell, decisions[d]!.valueCount);
      }
    }
    const decisionLogProbs = new Float64Array(choices.length);
    const logProb = new Float64Array(count);
    const entropy = new Float64Array(count);
    for (let row = 0; row < count; row++) {
      for (let d = 0; d < decisions.length; d++) {
        const cell = row * decisions.length + d;
        const choice = choices[cell]!;
        if (choice === INACTIVE) continue;
        const from = isShared ? d : cell;
        decisionLogProbs[cell] = logProbs[from * width + choice]!;
        logProb[row] = logProb[row]! + decisionLogProbs[cell]!;
        entropy[row] = entropy[row]! + entropies[from]!;
      }
    }
    return { ...found, decisionLogProbs, logProb, entropy };
  }

  #tables(cells: number): HeadTables {
    const { width } = this.#layout;
    if (this.#room.entropies.length < cells) this.#room = tablesOf(cells, width);
    return {
      probabilities: this.#room.probabilities.subarray(0, cells * width).fill(0),
      logProbs: this.#room.logProbs.subarray(0, cells * width).fill(0),
      entropies: this.#room.entropies.subarray(0, cells).fill(0),
    };
  }

  #setLogits({ allowed, context }: PolicyBatch, outputs: Outputs | undefined, row: number, d: number): void {
    const { decisions, width } = this.#layout;
    const { valueCount, ordered, outputScale } = decisions[d]!;
    const logits = this.#logits;
    const biases = this.biases;
    const at = outputs === undefined ? 0 : row * outputs.rowStride + d * outputs.decisionStride;
    for (let v = 0; v < valueCount; v++) {
      logits[v] = biases[d * width + v]! + (outputs === undefined ? 0 : outputs.values[at + v]!);
    }
    if (context !== undefined) {
      const weights = this.parameters[1]!.values;
      for (let c = 0; c < this.#contextSize; c++) {
        const told = context[row * this.#contextSize + c]!;
        const start = c * biases.length + d * width;
        for (let v = 0; v < valueCount; v++) logits[v] = logits[v]! + told * weights[start + v]!;
      }
    }
    if (ordered) {
      logits[0] = 0;
      for (let v = 1; v < valueCount; v++) logits[v] = logits[v - 1]! + outputScale * logits[v]!;
    }
    if (allowed !== undefined) {
      const start = (row * decisions.length + d) * width;
      for (let v = 0; v < valueCount; v++) if (allowed[start + v] === 0) logits[v] = Number.NEGATIVE_INFINITY;
    }
  }

  /** From logits to a distribution. @returns its entropy, nats */
  #settle({ probabilities, logProbs }: HeadTables, cell: number, valueCount: number): number {
    const { width } = this.#layout;
    const logits = this.#logits;
    let most = Number.NEGATIVE_INFINITY;
    for (let v = 0; v < valueCount; v++) if (!(logits[v]! <= most)) most = logits[v]!; // what is no number goes through
    let total = 0;
    let weighted = 0;
    const start = cell * width;
    for (let v = 0; v < valueCount; v++) {
      const shifted = logits[v]! - most;
      const mass = Math.exp(shifted);
      total += mass;
      if (mass > 0) weighted += mass * shifted;
      probabilities[start + v] = mass;
      logProbs[start + v] = shifted;
    }
    const logTotal = Math.log(total);
    for (let v = 0; v < valueCount; v++) {
      probabilities[start + v] = probabilities[start + v]! / total;
      logProbs[start + v] = logProbs[start + v]! - logTotal;
    }
    return logTotal - weighted / total;
  }

  /** Writes the gradients of biases and context, and the slopes of the outputs over the outputs. */
  backward(batch: PolicyBatch, found: HeadEvaluation, slopes: Slopes, outputs: Outputs | undefined): void {
    const { decisions, width } = this.#layout;
    const biasSums = new Float64Array(this.biases.length);
    const contextSums = new Float64Array(this.#contextSize * biasSums.length);
    const wanted = new Float64Array(width);
    const rows = found.isShared ? 1 : batch.count;
    for (let row = 0; row < rows; row++) {
      for (let d = 0; d < decisions.length; d++) {
        const cell = row * decisions.length + d;
        const { valueCount } = decisions[d]!;
        wanted.fill(0);
        let entropySlope = 0;
        for (let member = row; member < (found.isShared ? batch.count : row + 1); member++) {
          const own = member * decisions.length + d;
          const choice = batch.choices[own]!;
          if (choice === INACTIVE) continue;
          wanted[choice] = wanted[choice]! + slopes.decisionLogProbs[own]!;
          if (slopes.valueLogProbs !== undefined) {
            for (let v = 0; v < valueCount; v++) wanted[v] = wanted[v]! + slopes.valueLogProbs[own * width + v]!;
          }
          entropySlope += slopes.entropy[member]!;
        }
        this.#outputSlopes(found, cell, d, wanted, entropySlope);
        for (let v = 0; v < valueCount; v++) biasSums[d * width + v] = biasSums[d * width + v]! + wanted[v]!;
        if (outputs !== undefined) {
          const at = row * outputs.rowStride + d * outputs.decisionStride;
          for (let v = 0; v < width; v++) outputs.values[at + v] = v < valueCount ? wanted[v]! : 0;
        }
        for (let c = 0; c < this.#contextSize; c++) {
          const told = batch.context![row * this.#contextSize + c]!;
          const start = c * biasSums.length + d * width;
          for (let v = 0; v < valueCount; v++) contextSums[start + v] = contextSums[start + v]! + told * wanted[v]!;
        }
      }
    }
    this.parameters[0]!.gradient.set(biasSums);
    this.parameters[1]?.gradient.set(contextSums);
  }

  /** In place, from the slopes of the values' log-probabilities to those of the outputs:
   *  d log p_c / d logit_v = [v = c] - p_v, and dH / d logit_v = -p_v (log p_v + H). */
  #outputSlopes(
    { probabilities, logProbs, entropies }: HeadTables,
    cell: number,
    d: number,
    wanted: Float64Array,
    entropySlope: number,
  ): void {
    const { decisions, width } = this.#layout;
    const { valueCount, ordered, outputScale } = decisions[d]!;
    let total = 0;
    for (let v = 0; v < valueCount; v++) total += wanted[v]!;
    const entropy = entropies[cell]!;
    for (let v = 0; v < valueCount; v++) {
      const p = probabilities[cell * width + v]!;
      const bend = p > 0 ? p * (logProbs[cell * width + v]! + entropy) : 0;
      wanted[v] = wanted[v]! - total * p - entropySlope * bend;
    }
    if (!ordered) return;
    for (let v = valueCount - 2; v >= 1; v--) wanted[v] = wanted[v]! + wanted[v + 1]!; // an output moves all logits from its own on
    for (let v = 1; v < valueCount; v++) wanted[v] = outputScale * wanted[v]!;
    wanted[0] = 0;
  }
}

const tablesOf = (cells: number, width: number): HeadTables => ({
  probabilities: new Float64Array(cells * width),
  logProbs: new Float64Array(cells * width),
  entropies: new Float64Array(cells),
});
