// A recurrent policy: an LSTM reads the choices one after the other, and each decision has a head of its own on its output.
// Paper: Zoph & Le 2017, arXiv:1611.01578, section 3 (the controller); NAHAS, arXiv:2102.08619, uses the same. Ordered knobs
// have ordinal heads, as in autoregressive.ts. The recurrence is in lstm-core.ts.
import { RandomStream } from "../../src/core/rng.js";
import { INACTIVE, type Space } from "../../src/core/space.js";
import { Heads, type Outputs } from "./heads.js";
import { type Block, type LoopMemory, loopMemory, padded } from "./kernels/policy-loops-wasm.js";
import { type Layout, layoutOf } from "./layout.js";
import {
  type Gates,
  lstmStep,
  packGates,
  runBackward,
  runSequence,
  type Sequence,
  stepOf,
  takeBackward,
  takeGates,
  takeSequence,
  unpackGates,
} from "./lstm-core.js";
import {
  type Context,
  type Evaluated,
  type Parameter,
  type Policy,
  type PolicyBatch,
  parameterOf,
  type Samples,
  type Slopes,
} from "./policy.js";
import { DrawTally, normalise, pointRows, tempered } from "./sampler.js";

export interface LstmSettings {
  readonly hiddenUnits: number;
  /** learning rate of everything but the output biases, relative to theirs */
  readonly connectionLearningRateScale: number;
}

/** What the heads' products read and write. */
interface HeadBlocks {
  /** [decisions, hidden, width padded] */
  readonly weights: Block;
  /** [decisions, count, width padded] */
  readonly outputs: Block;
}

/** The policy; starts as the uniform one, because the heads start at zero. */
export class LstmPolicy implements Policy {
  readonly layout: Layout;
  readonly parameters: readonly Parameter[];
  readonly #gates: readonly Parameter[]; // four of [width + 2 + hidden, hidden]
  readonly #outputWeights: Parameter; // [decisions, hidden, width]
  readonly #hiddenUnits: number;
  readonly #heads: Heads;

  /** @param contextSize numbers that the policy is told with each candidate */
  constructor(space: Space, seed: number, label: string, settings: LstmSettings, contextSize = 0) {
    const layout = layoutOf(space);
    const { hiddenUnits: hidden, connectionLearningRateScale: scale } = settings;
    const inputs = layout.width + 2 + hidden;
    this.layout = layout;
    this.#hiddenUnits = hidden;
    const random = RandomStream.of(seed, label);
    const spread = Math.sqrt(1 / hidden);
    this.#gates = ["inputGate", "forgetGate", "cellGate", "outputGate"].map((name) => {
      const values = Float32Array.from({ length: inputs * hidden }, () => spread * random.normal());
      return parameterOf(name, [inputs, hidden], scale, values);
    });
    this.#outputWeights = parameterOf("outputWeights", [layout.decisions.length, hidden, layout.width], scale);
    this.#heads = new Heads(layout, contextSize);
    this.parameters = [...this.#gates, this.#outputWeights, ...this.#heads.parameters];
  }

  /** Decision by decision for the whole batch, so the draws of `random` go across the batch first. */
  sample(count: number, random: RandomStream, temperature = 1, context?: Context): Samples {
    const { space, decisions, width } = this.layout;
    const shared = this.#heads.biases;
    const rows = this.#heads.biasRows(context);
    const codes = pointRows(space.length, count);
    const logProbs = new Float64Array(count);
    const tally = new DrawTally(this.layout);

    const memory = loopMemory();
    const gates = takeGates(memory, this.#gates);
    const sequence = takeSequence(memory, gates, count, 1); // its two states take turns
    const heads = this.#takeHeads(memory, count, 1);
    packGates(memory, this.#gates, gates);
    this.#packHeads(memory.floats(heads.weights).fill(0));
    const tokens = memory.integers(sequence.tokens).fill(width + 1);
    const outputs = memory.floats(heads.outputs);
    const stride = padded(width);
    memory.floats(sequence.cells).fill(0);
    const forward = stepOf(gates, sequence, 0);
    const backward = {
      ...forward,
      hiddenBefore: forward.hidden,
      cellBefore: forward.cell,
      hidden: forward.hiddenBefore,
      cell: forward.cellBefore,
    };

    let next = 0;
    for (let position = 0; position < space.length; position++) {
      const isDecision = decisions[next]?.position === position;
      const active = codes.map((point) => space.isActive(position, point));
      codes.forEach((point, row) => {
        if (!active[row]) point[position] = INACTIVE;
      });
      if (!isDecision) continue;
      const d = next++;
      const decision = decisions[d]!;
      const step = d % 2 === 0 ? forward : backward;
      lstmStep(memory, gates, step, count, d === 0);
      this.#multiplyHead(
        memory,
        gates,
        step.hidden,
        heads.weights.at + 4 * d * this.#hiddenUnits * stride,
        heads.outputs.at,
        count,
      );
      const probabilities = new Float64Array(decision.valueCount);
      const flatter = new Float64Array(decision.valueCount); // at a higher temperature
      for (let row = 0; row < count; row++) {
        if (!active[row]) {
          tokens[row] = width;
          continue;
        }
        const biases = rows?.[row] ?? shared;
        for (let v = 0; v < decision.valueCount; v++) {
          probabilities[v] = outputs[row * stride + v]! + biases[d * width + v]!;
        }
        const entropy = normalise(probabilities, decision, space.mask(position, codes[row]!));
        tally.add(d, probabilities, entropy);
        const drawn = temperature === 1 ? probabilities : tempered(probabilities, temperature, flatter);
        const code = random.categorical(drawn);
        logProbs[row] = logProbs[row]! + Math.log(probabilities[code]!);
        codes[row]![position] = code;
        tokens[row] = code;
      }
    }
    return { codes, logProbs, ...tally.means() };
  }

  logProbs(points: readonly ArrayLike<number>[], context?: Context): Float64Array {
    return this.evaluate(this.batch(points, context)).logProb;
  }

  batch(codes: readonly ArrayLike<number>[], context?: Context): PolicyBatch {
    return this.#heads.batch(codes, context);
  }

  evaluate(batch: PolicyBatch): Evaluated {
    const memory = loopMemory();
    const { heads } = this.#forward(memory, batch);
    return this.#heads.evaluate(batch, this.#outputs(memory, heads, batch.count));
  }

  differentiate(batch: PolicyBatch, slopesOf: (evaluated: Evaluated) => Slopes): void {
    const { decisions, width } = this.layout;
    const memory = loopMemory();
    const { count } = batch;
    const [hiddenUnits, stride] = [this.#hiddenUnits, padded(width)];
    const { gates, sequence, heads } = this.#forward(memory, batch);
    const blocks = takeBackward(memory, gates, count);
    const transposed = memory.take(width * gates.units); // one decision at a time
    const headGradient = memory.take(heads.weights.size);

    const outputs = this.#outputs(memory, heads, count);
    const found = this.#heads.evaluate(batch, outputs);
    this.#heads.backward(batch, found, slopesOf(found), outputs);

    const { multiply } = memory.loops;
    const head = memory.floats(transposed).fill(0);
    const [row, state] = [4 * stride, 4 * gates.units]; // bytes
    runBackward(memory, gates, sequence, blocks, (d) => {
      const { hidden } = stepOf(gates, sequence, d);
      const slopes = heads.outputs.at + d * count * row;
      const weights = this.#outputWeights.values.subarray(d * hiddenUnits * width, (d + 1) * hiddenUnits * width);
      for (let u = 0; u < hiddenUnits; u++)
        for (let v = 0; v < width; v++) head[v * gates.units + u] = weights[u * width + v]!;
      multiply(slopes, row, 4, transposed.at, state, blocks.dHidden.at, state, count, gates.units, width, 0);
      const gradient = headGradient.at + d * hiddenUnits * row;
      multiply(hidden, 4, state, slopes, row, gradient, row, hiddenUnits, stride, count, 0);
    });
    unpackGates(memory, this.#gates, gates, blocks);
    const gradients = memory.floats(headGradient);
    for (let r = 0; r < decisions.length * hiddenUnits; r++) {
      this.#outputWeights.gradient.set(gradients.subarray(r * stride, r * stride + width), r * width);
    }
  }

  /** All steps and all heads of a batch. */
  #forward(memory: LoopMemory, batch: PolicyBatch): { gates: Gates; sequence: Sequence; heads: HeadBlocks } {
    const { decisions, width } = this.layout;
    const { count, choices } = batch;
    const steps = decisions.length;
    const gates = takeGates(memory, this.#gates);
    const sequence = takeSequence(memory, gates, count, steps);
    const heads = this.#takeHeads(memory, count, steps);
    packGates(memory, this.#gates, gates);
    this.#packHeads(memory.floats(heads.weights).fill(0));
    const tokens = memory.integers(sequence.tokens).fill(width + 1, 0, count);
    for (let d = 1; d < steps; d++) {
      for (let row = 0; row < count; row++) {
        const before = choices[row * steps + d - 1]!;
        tokens[d * count + row] = before === INACTIVE ? width : before;
      }
    }
    runSequence(memory, gates, sequence);
    const stride = padded(width);
    for (let d = 0; d < steps; d++) {
      const weights = heads.weights.at + 4 * d * this.#hiddenUnits * stride;
      this.#multiplyHead(
        memory,
        gates,
        stepOf(gates, sequence, d).hidden,
        weights,
        heads.outputs.at + 4 * d * count * stride,
        count,
      );
    }
    return { gates, sequence, heads };
  }

  #takeHeads(memory: LoopMemory, count: number, steps: number): HeadBlocks {
    const stride = padded(this.layout.width);
    const weights = memory.take(this.layout.decisions.length * this.#hiddenUnits * stride);
    return { weights, outputs: memory.take(steps * count * stride) };
  }

  #packHeads(into: Float32Array): void {
    const { width } = this.layout;
    const stride = padded(width);
    const { values } = this.#outputWeights;
    for (let r = 0; r * width < values.length; r++) into.set(values.subarray(r * width, (r + 1) * width), r * stride);
  }

  #multiplyHead(
    { loops }: LoopMemory,
    { units }: Gates,
    hidden: number,
    weights: number,
    to: number,
    count: number,
  ): void {
    const stride = padded(this.layout.width);
    loops.multiply(hidden, 4 * units, 4, weights, 4 * stride, to, 4 * stride, count, stride, this.#hiddenUnits, 0);
  }

  #outputs(memory: LoopMemory, { outputs }: HeadBlocks, count: number): Outputs {
    const stride = padded(this.layout.width);
    return { values: memory.floats(outputs), rowStride: stride, decisionStride: count * stride };
  }
}
