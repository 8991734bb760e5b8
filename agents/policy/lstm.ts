// A recurrent policy: an LSTM reads the choices one after the other, and each decision has a head of its own on its output.
// Paper: Zoph & Le 2017, arXiv:1611.01578, section 3 (the controller); NAHAS, arXiv:2102.08619, uses the same. Ordered knobs
// have ordinal heads, as in autoregressive.ts. Its speed comes from lstm-core.ts; a step of a batch is a few matrix products.
import * as tf from "@tensorflow/tfjs";
import { RandomStream } from "../../src/core/rng.js";
import { INACTIVE, type Space } from "../../src/core/space.js";
import { ContextShift } from "./context.js";
import { type Heads, headConstants } from "./heads.js";
import { encodeBatch, type Layout, layoutOf } from "./layout.js";
import { type LstmState, type LstmWeights, lstmOutputs, lstmStep } from "./lstm-core.js";
import { batchMatMul } from "./ops.js";
import type { Context, Evaluated, Parameter, Policy, PolicyBatch, Samples } from "./policy.js";
import { DrawTally, normalise, tempered } from "./sampler.js";

export interface LstmSettings {
  readonly hiddenUnits: number;
  /** learning rate of everything but the output biases, relative to theirs */
  readonly connectionLearningRateScale: number;
}

interface LstmBatch extends PolicyBatch {
  /** per decision, what was chosen before it: [count, width + 2] */
  readonly tokens: readonly tf.Tensor2D[];
  /** [count * decisions, width] */
  readonly oneHot: tf.Tensor2D;
  /** [count, decisions] */
  readonly active: tf.Tensor2D;
  /** [count * decisions, width], where the space has rules */
  readonly forbidden?: tf.Tensor2D;
  /** [count, context] */
  readonly context?: tf.Tensor2D | undefined;
}

/** The policy; starts as the uniform one, because the heads start at zero. */
export class LstmPolicy implements Policy<LstmBatch> {
  readonly layout: Layout;
  readonly parameters: readonly Parameter[];
  readonly #gates: LstmWeights; // four of [width + 2 + hidden, hidden]
  readonly #outputWeights: tf.Variable; // [decisions, hidden, width]
  readonly #outputBiases: tf.Variable; // [decisions * width]
  readonly #hiddenUnits: number;
  readonly #heads: Heads;
  readonly #shift: ContextShift;

  /** @param contextSize numbers that the policy is told with each candidate */
  constructor(space: Space, seed: number, label: string, settings: LstmSettings, contextSize = 0) {
    const layout = layoutOf(space);
    this.#shift = new ContextShift(layout, contextSize);
    const hidden = settings.hiddenUnits;
    const inputs = layout.width + 2 + hidden;
    this.layout = layout;
    this.#hiddenUnits = hidden;
    this.#heads = headConstants(layout);
    const random = RandomStream.of(seed, label);
    const spread = Math.sqrt(1 / hidden);
    const parameter = (name: string, value: tf.Tensor, learningRateScale: number): Parameter => {
      const variable = tf.variable(value, true);
      value.dispose();
      return { name, variable, learningRateScale };
    };
    const scale = settings.connectionLearningRateScale;
    const gate = (name: string) => {
      const values = Float32Array.from({ length: inputs * hidden }, () => spread * random.normal());
      return parameter(name, tf.tensor2d(values, [inputs, hidden]), scale);
    };
    const { decisions, width } = layout;
    this.parameters = [
      ...["inputGate", "forgetGate", "cellGate", "outputGate"].map(gate),
      parameter("outputWeights", tf.zeros([decisions.length, hidden, width]), scale),
      parameter("outputBiases", tf.zeros([decisions.length * width]), 1),
      ...this.#shift.parameters,
    ];
    const [input, forget, cell, output, outputWeights, outputBiases] = this.parameters.map((p) => p.variable);
    this.#gates = [input, forget, cell, output] as unknown as LstmWeights;
    this.#outputWeights = outputWeights!;
    this.#outputBiases = outputBiases!;
  }

  /** Decision by decision for the whole batch, so the draws of `random` go across the batch first. */
  sample(count: number, random: RandomStream, temperature = 1, context?: Context): Samples {
    const { space, decisions, width } = this.layout;
    const shared = this.#outputBiases.dataSync() as Float32Array;
    const rows = this.#shift.rows(shared, context);
    const codes = Array.from({ length: count }, () => new Int32Array(space.length));
    const logProbs = new Float64Array(count);
    const tally = new DrawTally(this.layout);
    let tokens = startTokens(count, width);
    let state: LstmState = { hidden: tf.zeros([count, this.#hiddenUnits]), cell: tf.zeros([count, this.#hiddenUnits]) };
    const heads = tf.unstack(this.#outputWeights);
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
      const stepped = tf.tidy(() => {
        const moved = lstmStep(tf.tensor2d(tokens, [count, width + 2]), state, this.#gates);
        const outputs = tf.matMul(moved.hidden as tf.Tensor2D, heads[d] as tf.Tensor2D);
        return { hidden: moved.hidden, cell: moved.cell, outputs };
      });
      tf.dispose([state.hidden, state.cell]);
      state = { hidden: stepped.hidden, cell: stepped.cell };
      const outputs = stepped.outputs.dataSync();
      stepped.outputs.dispose();
      tokens = new Float32Array(count * (width + 2));
      for (let row = 0; row < count; row++) {
        if (!active[row]) {
          tokens[row * (width + 2) + width] = 1;
          continue;
        }
        const biases = rows?.[row] ?? shared;
        const probabilities = Float64Array.from(
          { length: decision.valueCount },
          (_, v) => outputs[row * width + v]! + biases[d * width + v]!,
        );
        const entropy = normalise(probabilities, decision, space.mask(position, codes[row]!));
        tally.add(d, probabilities, entropy);
        const code = random.categorical(temperature === 1 ? probabilities : tempered(probabilities, temperature));
        logProbs[row] = logProbs[row]! + Math.log(probabilities[code]!);
        codes[row]![position] = code;
        tokens[row * (width + 2) + code] = 1;
      }
    }
    tf.dispose([state.hidden, state.cell, ...heads]);
    return { codes, logProbs, ...tally.means() };
  }

  logProbs(points: readonly ArrayLike<number>[], context?: Context): Float32Array {
    const batch = this.batch(points, context);
    const logProbs = tf.tidy(() => this.evaluate(batch).logProb.dataSync().slice() as Float32Array);
    batch.dispose();
    return logProbs;
  }

  batch(codes: readonly ArrayLike<number>[], context?: Context): LstmBatch {
    const { decisions, width } = this.layout;
    const { oneHot, active, forbidden } = encodeBatch(this.layout, codes);
    const tokens = decisions.map((_, d) => {
      if (d === 0) return tf.tensor2d(startTokens(codes.length, width), [codes.length, width + 2]);
      const before = decisions[d - 1]!.position;
      const values = new Float32Array(codes.length * (width + 2));
      codes.forEach((point, row) => {
        values[row * (width + 2) + (point[before] === INACTIVE ? width : point[before]!)] = 1;
      });
      return tf.tensor2d(values, [codes.length, width + 2]);
    });
    const tensors = {
      oneHot: tf.tensor2d(oneHot, [codes.length * decisions.length, width]),
      active: tf.tensor2d(active, [codes.length, decisions.length]),
      ...(forbidden && { forbidden: tf.tensor2d(forbidden, [codes.length * decisions.length, width]) }),
      context: this.#shift.tensor(codes.length, context),
    };
    return { count: codes.length, tokens, ...tensors, dispose: () => tf.dispose([tokens, tensors]) };
  }

  /** Differentiable; call it inside a tidy. */
  evaluate({ count, tokens, oneHot, active, forbidden, context }: LstmBatch): Evaluated {
    const { decisions, width } = this.layout;
    const hidden = lstmOutputs(tokens, this.#gates, this.#hiddenUnits); // [decisions * count, hidden]
    const perDecision = batchMatMul(
      tf.reshape(hidden, [decisions.length, count, this.#hiddenUnits]),
      this.#outputWeights,
    );
    const flat = tf.reshape(tf.transpose(perDecision, [1, 0, 2]), [count, decisions.length * width]);
    const outputs = this.#shift.shifted(tf.add(flat, this.#outputBiases), context);
    const logProbs = tf.logSoftmax(this.#heads.logits(outputs, count, forbidden));
    const chosen = tf.reshape(tf.sum(tf.mul(logProbs, oneHot), 1), [count, decisions.length]);
    const entropies = tf.neg(tf.sum(tf.mul(tf.exp(logProbs), logProbs), 1));
    const perPoint = tf.mul(tf.reshape(entropies, [count, decisions.length]), active);
    return { logProb: tf.sum(chosen, 1), decisionLogProbs: chosen as tf.Tensor2D, entropy: tf.sum(perPoint, 1) };
  }

  dispose(): void {
    for (const { variable } of this.parameters) variable.dispose();
    this.#heads.dispose();
  }
}

/** The token before the first decision, [count * (width + 2)]. */
function startTokens(count: number, width: number): Float32Array {
  const tokens = new Float32Array(count * (width + 2));
  for (let row = 0; row < count; row++) tokens[row * (width + 2) + width + 1] = 1;
  return tokens;
}
