// Adam with its whole state in plain sight, so that a restored run continues bit for bit: one loop over plain arrays, computed in
// doubles and kept in single precision.
// Paper: Kingma & Ba 2015, arXiv:1412.6980, algorithm 1. Deviation: gradients are clipped by their global norm first
// (Pascanu et al. 2013, arXiv:1211.5063), and a step that is not finite is refused before any weight changes.
import type { StateTree } from "../../src/core/agent.js";
import { CosearchError } from "../../src/core/errors.js";
import type { Parameter } from "../policy/policy.js";

export interface AdamSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** longest allowed gradient, L2 norm over all parameters */
  readonly maxGradNorm: number;
}

/** What one step did. */
export interface StepReport {
  readonly loss: number;
  /** before clipping */
  readonly gradNorm: number;
}

/** What a step would make of a parameter. */
interface Moved {
  readonly weights: Float32Array;
  readonly first: Float32Array;
  readonly second: Float32Array;
}

/** The optimiser of a fixed list of parameters. */
export class Adam {
  readonly #parameters: readonly Parameter[];
  readonly #settings: AdamSettings;
  #first: Float32Array[];
  #second: Float32Array[];
  /** where a step is computed before it is taken; the two sets take turns */
  #spare: Moved[];
  /** what a transaction goes back to; made by the first one */
  #before: Moved[] | undefined;
  #steps = 0;

  constructor(parameters: readonly Parameter[], settings: AdamSettings) {
    this.#parameters = parameters;
    this.#settings = settings;
    const zeros = () => parameters.map(({ values }) => new Float32Array(values.length));
    [this.#first, this.#second] = [zeros(), zeros()];
    this.#spare = roomFor(parameters);
  }

  /** One step down the parameters' gradients, which are those of `loss`.
   *  @throws CosearchError AGENT_DIVERGED, weights and moments untouched */
  step(loss: number, learningRate: number): StepReport {
    let squares = 0;
    for (const { gradient } of this.#parameters) squares += sumOfSquares(gradient);
    const gradNorm = Math.sqrt(squares);
    if (!Number.isFinite(loss)) throw new CosearchError("AGENT_DIVERGED", `the loss is ${loss}`);
    if (!Number.isFinite(gradNorm)) {
      throw new CosearchError("AGENT_DIVERGED", `the norm of the gradient is ${gradNorm}`);
    }
    const { maxGradNorm } = this.#settings;
    const scale = gradNorm > maxGradNorm ? maxGradNorm / gradNorm : 1;
    let size = 0;
    this.#parameters.forEach((parameter, i) => {
      size += this.#move(parameter, i, scale, learningRate);
    });
    if (!Number.isFinite(Math.fround(size))) {
      throw new CosearchError("AGENT_DIVERGED", `the update would make a weight ${size}`);
    }
    this.#steps++;
    this.#parameters.forEach(({ values }, i) => {
      const { weights, first, second } = this.#spare[i]!;
      values.set(weights);
      this.#spare[i] = { weights, first: this.#first[i]!, second: this.#second[i]! };
      this.#first[i] = first;
      this.#second[i] = second;
    });
    return { loss, gradNorm };
  }

  /** Computes one parameter's step into the spare arrays. @returns the sum of the new weights' squares */
  #move({ values, gradient, learningRateScale }: Parameter, i: number, scale: number, learningRate: number): number {
    const { beta1, beta2, epsilon } = this.#settings;
    const firstCorrection = 1 / (1 - beta1 ** (this.#steps + 1));
    const secondCorrection = 1 / (1 - beta2 ** (this.#steps + 1));
    const rate = learningRate * learningRateScale;
    const [first, second, next] = [this.#first[i]!, this.#second[i]!, this.#spare[i]!];
    let size = 0;
    for (let k = 0; k < values.length; k++) {
      const g = scale * gradient[k]!;
      const m = beta1 * first[k]! + (1 - beta1) * g;
      const v = beta2 * second[k]! + (1 - beta2) * g * g;
      next.first[k] = m;
      next.second[k] = v;
      next.weights[k] = values[k]! - (rate * m * firstCorrection) / (Math.sqrt(v * secondCorrection) + epsilon);
      size += next.weights[k]! * next.weights[k]!;
    }
    return size;
  }

  /** Runs `work`, which holds no other transaction of this optimiser; when it throws, weights, moments and step count are what
   *  they were before. */
  transaction<T>(work: () => T): T {
    const before = this.#before ?? roomFor(this.#parameters);
    this.#before = before;
    before.forEach(({ weights, first, second }, i) => {
      weights.set(this.#parameters[i]!.values);
      first.set(this.#first[i]!);
      second.set(this.#second[i]!);
    });
    const steps = this.#steps;
    try {
      return work();
    } catch (error) {
      before.forEach(({ weights, first, second }, i) => {
        this.#parameters[i]!.values.set(weights);
        this.#first[i]!.set(first);
        this.#second[i]!.set(second);
      });
      this.#steps = steps;
      throw error;
    }
  }

  /** Gives one parameter other weights; its moments stay as they are. */
  setWeights(name: string, values: Float32Array): void {
    const parameter = this.#parameters.find((candidate) => candidate.name === name);
    if (parameter === undefined) throw new CosearchError("AGENT_BAD_STATE", `the policy has no parameter ${name}`);
    parameter.values.set(values);
  }

  /** Weights, moments and step count. */
  state(): StateTree {
    return {
      names: this.#parameters.map(({ name }) => name),
      weights: this.#parameters.map(({ values }) => values.slice()),
      first: copies(this.#first),
      second: copies(this.#second),
      steps: this.#steps,
    };
  }

  /** @throws CosearchError AGENT_BAD_STATE when names or sizes do not fit, weights untouched */
  restore(state: StateTree): void {
    const saved = state as unknown as SavedAdam | null;
    const lists = [saved?.weights, saved?.first, saved?.second];
    const fits = lists.every(
      (list) =>
        Array.isArray(list) &&
        list.length === this.#parameters.length &&
        list.every((array, i) => array instanceof Float32Array && array.length === this.#parameters[i]!.values.length),
    );
    if (saved === null || !fits || !Number.isInteger(saved.steps)) {
      throw new CosearchError("AGENT_BAD_STATE", "the saved weights do not have the shape of this policy");
    }
    this.#parameters.forEach(({ values }, i) => {
      values.set(saved.weights[i]!);
    });
    this.#first = copies(saved.first);
    this.#second = copies(saved.second);
    this.#steps = saved.steps;
  }
}

interface SavedAdam {
  readonly weights: readonly Float32Array[];
  readonly first: readonly Float32Array[];
  readonly second: readonly Float32Array[];
  readonly steps: number;
}

const roomFor = (parameters: readonly Parameter[]): Moved[] =>
  parameters.map(({ values: { length } }) => ({
    weights: new Float32Array(length),
    first: new Float32Array(length),
    second: new Float32Array(length),
  }));

const copies = (arrays: readonly Float32Array[]): Float32Array[] => arrays.map((array) => array.slice());

function sumOfSquares(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return sum;
}
