// Sampling from the masked autoregressive policy on plain arrays, one knob after the other. Each choice adds its features to
// the hidden sums and completes the next few hidden units, so a knob costs about hidden x values operations.
// Uses the same weights and the same formulas as the tensor form; a test keeps the two equal.
import type { RandomStream } from "../../src/core/rng.js";
import { INACTIVE } from "../../src/core/space.js";
import type { Decision, Layout } from "./layout.js";
import type { Samples } from "./policy.js";

/** The weights of the policy as plain arrays, row-major. */
export interface SamplerWeights {
  /** decisions that a hidden unit sees, rising, shape [hidden] */
  readonly degrees: Int32Array;
  /** [features, hidden] */
  readonly inputWeights: Float32Array;
  /** [hidden] */
  readonly inputBiases: Float32Array;
  /** [hidden, decisions * width] */
  readonly outputWeights: Float32Array;
  /** [decisions * width] */
  readonly outputBiases: Float32Array;
}

/** Draws `count` candidates, one draw of `random` per active decision.
 *  @param biasRows output biases of each candidate, where a context shifts them */
export function sampleAutoregressive(
  layout: Layout,
  weights: SamplerWeights,
  count: number,
  random: RandomStream,
  temperature = 1,
  biasRows?: readonly Float32Array[],
): Samples {
  const { space, decisions, width } = layout;
  const { degrees, inputWeights, inputBiases, outputWeights, outputBiases } = weights;
  const hiddenCount = degrees.length;
  const outputCount = decisions.length * width;
  const sums = new Float64Array(hiddenCount);
  const hidden = new Float64Array(hiddenCount);
  const views = () => {
    const room = new Float64Array(width);
    return decisions.map(({ valueCount }) => room.subarray(0, valueCount));
  };
  const probabilities = views();
  const flatter = views(); // at a higher temperature
  const logProbs = new Float64Array(count);
  const tally = new DrawTally(layout);

  const codes = pointRows(space.length, count);
  codes.forEach((point, row) => {
    const biases = biasRows?.[row] ?? outputBiases;
    sums.set(inputBiases);
    let complete = 0; // hidden units whose inputs are all known
    let next = 0; // next decision
    for (let position = 0; position < space.length; position++) {
      const isDecision = decisions[next]?.position === position;
      const isActive = space.isActive(position, point);
      if (!isActive) point[position] = INACTIVE;
      if (!isDecision) continue;
      const d = next++;
      const decision = decisions[d]!;
      while (complete < hiddenCount && degrees[complete]! <= d) {
        hidden[complete] = Math.max(0, sums[complete]!);
        complete++;
      }
      if (!isActive) continue;
      const logits = probabilities[d]!;
      for (let v = 0; v < logits.length; v++) logits[v] = biases[d * width + v]!;
      for (let u = 0; u < complete; u++) {
        const activation = hidden[u]!;
        if (activation === 0) continue;
        const start = u * outputCount + d * width;
        for (let v = 0; v < logits.length; v++) logits[v] = logits[v]! + activation * outputWeights[start + v]!;
      }
      const entropy = normalise(logits, decision, space.mask(position, point));
      const code = random.categorical(temperature === 1 ? logits : tempered(logits, temperature, flatter[d]!));
      logProbs[row] = logProbs[row]! + Math.log(logits[code]!);
      point[position] = code;
      addFeatures(decision, code, inputWeights, sums, complete);
      tally.add(d, logits, entropy);
    }
  });
  return { codes, logProbs, ...tally.means() };
}

/** Room for points, all in one buffer: many are drawn for each that is kept, and small buffers of their own would leave holes in
 *  the allocator. What is kept for long is to be copied, lest it hold all. */
export function pointRows(length: number, count: number): Int32Array[] {
  const room = new Int32Array(length * count);
  return Array.from({ length: count }, (_, row) => room.subarray(row * length, (row + 1) * length));
}

/** What the draws of a batch tell about the policy: entropy, over all decisions and per group, and marginal probabilities. */
export class DrawTally {
  readonly #layout: Layout;
  readonly #sums: Float64Array; // per group, the last one: all decisions
  readonly #counts: Float64Array;
  readonly #marginals: readonly Float64Array[];
  readonly #active: Float64Array; // per decision: draws in which it counted

  constructor(layout: Layout) {
    const { decisions, groups } = layout;
    this.#layout = layout;
    this.#sums = new Float64Array(groups.length + 1);
    this.#counts = new Float64Array(groups.length + 1);
    this.#marginals = decisions.map(({ valueCount }) => new Float64Array(valueCount));
    this.#active = new Float64Array(decisions.length);
  }

  /** @param d decision  @param probabilities that its value was drawn from  @param entropy theirs, nats */
  add(d: number, probabilities: ArrayLike<number>, entropy: number): void {
    const { decisions, groups } = this.#layout;
    const { group } = decisions[d]!;
    if (group >= 0) this.#count(group, entropy);
    this.#count(groups.length, entropy);
    const marginal = this.#marginals[d]!;
    for (let v = 0; v < marginal.length; v++) marginal[v] = marginal[v]! + probabilities[v]!;
    this.#active[d] = this.#active[d]! + 1;
  }

  #count(slot: number, entropy: number): void {
    this.#sums[slot] = this.#sums[slot]! + entropy;
    this.#counts[slot] = this.#counts[slot]! + 1;
  }

  means(): Pick<Samples, "entropyPerDecision" | "entropyPerGroup" | "marginals"> {
    const { groups } = this.#layout;
    const mean = (slot: number) => (this.#counts[slot] === 0 ? 0 : this.#sums[slot]! / this.#counts[slot]!);
    return {
      entropyPerDecision: mean(groups.length),
      entropyPerGroup: Object.fromEntries(
        groups.flatMap((group, g) => (this.#counts[g] === 0 ? [] : [[group, mean(g)]])),
      ),
      marginals: this.#marginals.map((sum, d) => {
        const count = this.#active[d]!;
        return count === 0 ? undefined : sum.map((p) => p / count);
      }),
    };
  }
}

/** p^(1 / temperature), normalised. @param into overwritten and returned, as long as the probabilities */
export function tempered(probabilities: Float64Array, temperature: number, into: Float64Array): Float64Array {
  let total = 0;
  for (let v = 0; v < into.length; v++) {
    into[v] = probabilities[v]! ** (1 / temperature);
    total += into[v]!;
  }
  for (let v = 0; v < into.length; v++) into[v] = into[v]! / total;
  return into;
}

/** Outputs to probabilities in place; ordered knobs sum their outputs first. @param mask 0 for values that may not follow
 *  @returns the entropy in nats */
export function normalise(
  values: Float64Array,
  { ordered, outputScale }: Decision,
  mask: Uint8Array | null = null,
): number {
  if (ordered) {
    values[0] = 0;
    for (let v = 1; v < values.length; v++) values[v] = values[v - 1]! + outputScale * values[v]!;
  }
  if (mask !== null) for (let v = 0; v < values.length; v++) if (mask[v] === 0) values[v] = Number.NEGATIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let v = 0; v < values.length; v++) if (!(values[v]! <= most)) most = values[v]!;
  let total = 0;
  let weighted = 0;
  for (let v = 0; v < values.length; v++) {
    const shifted = values[v]! - most;
    const mass = Math.exp(shifted);
    total += mass;
    if (mass > 0) weighted += mass * shifted;
    values[v] = mass;
  }
  for (let v = 0; v < values.length; v++) values[v] = values[v]! / total;
  return Math.log(total) - weighted / total;
}

/** Adds what a choice tells the hidden units from `first` on; those before have seen all that they see. */
function addFeatures(
  { ordered, featureStart, valueCount }: Decision,
  code: number,
  inputWeights: Float32Array,
  sums: Float64Array,
  first: number,
): void {
  const hiddenCount = sums.length;
  if (!ordered) {
    const start = (featureStart + code) * hiddenCount;
    for (let u = first; u < hiddenCount; u++) sums[u] = sums[u]! + inputWeights[start + u]!;
    return;
  }
  const level = (2 * code) / (valueCount - 1) - 1;
  const start = featureStart * hiddenCount;
  for (let u = first; u < hiddenCount; u++) {
    sums[u] = sums[u]! + inputWeights[start + u]! + level * inputWeights[start + hiddenCount + u]!;
  }
}
