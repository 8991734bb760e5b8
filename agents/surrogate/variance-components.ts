// How much each knob, the pairs and the noise matter: the prior variances that make the observed targets likeliest. Each step
// multiplies a variance by the root of (what it explains / what it would explain by chance), which never lowers the likelihood
// and keeps it above zero.
// Paper: Zhou, Hu, Zhou & Lange 2019, "MM algorithms for variance components models", J. Comput. Graph. Stat. 28(2).
// Deviation: the knobs' shares in the pairs follow the variances of their own curves, softened, and are not fitted themselves.
import { dot, kernelOf, type ProcessVariances } from "./additive-process.js";
import type { KnobFeatures, Row } from "./knob-features.js";

const LEAST = 1e-8;
const LEAST_NOISE = 1e-8;
/** Trials that would have to speak for a change. */
const DOUBT = 0.3;
/** What the surfaces of two groups' pairs are thought to be before the trials speak. Trials that differ in one knob from a good
 *  design are explained without any pair, so that likelihood alone takes them away and is too sure of everything else. */
const USUAL_PAIRS = 0.03;
/** Share of a knob that seems not to matter, of the mean one: a pair may matter where a curve does not. */
const SOFTENING = 0.1;

/** Before anything is known: all knobs alike. */
export function flatVariances({ knobs, groups }: KnobFeatures): ProcessVariances {
  const own = new Float64Array(knobs.length).fill(1 / knobs.length);
  return { own, share: sharesOf(own), pairs: new Float64Array(groups.length ** 2).fill(0.1), noise: 0.1 };
}

/** Improved variances. @param targets shape [rows], mean 0, variance 1 */
export function fitVariances(
  features: KnobFeatures,
  rows: readonly Row[],
  targets: Float64Array,
  start: ProcessVariances,
  steps: number,
): ProcessVariances {
  let variances = start;
  for (let step = 0; step < steps; step++) variances = improved(features, rows, targets, variances);
  return variances;
}

function improved(
  features: KnobFeatures,
  rows: readonly Row[],
  targets: Float64Array,
  variances: ProcessVariances,
): ProcessVariances {
  const n = rows.length;
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k <= i; k++) inverse[i * n + k] = kernelOf(features, variances, rows[i]!, rows[k]!);
    inverse[i * n + i]! += variances.noise;
  }
  invertInPlace(inverse, n);
  const alpha = new Float64Array(n);
  for (let i = 0; i < n; i++) alpha[i] = dot(inverse.subarray(i * n, i * n + n), targets, n);

  const shares = new Shares(features, variances);
  let trace = 0;
  for (let i = 0; i < n; i++) {
    trace += inverse[i * n + i]!;
    for (let k = 0; k <= i; k++) {
      const times = k === i ? 1 : 2;
      shares.add(rows[i]!, rows[k]!, times * alpha[i]! * alpha[k]!, times * inverse[i * n + k]!);
    }
  }
  const noise = Math.max(LEAST_NOISE, scaled(variances.noise, dot(alpha, alpha, n), trace));
  return { ...shares.variances(), noise };
}

/** What each component explains (αᵀKα) and what it would by chance (trace of K⁻¹K), summed over pairs of rows. */
class Shares {
  readonly #features: KnobFeatures;
  readonly #before: ProcessVariances;
  readonly #ownExplained: Float64Array;
  readonly #ownExpected: Float64Array;
  readonly #pairExplained: Float64Array;
  readonly #pairExpected: Float64Array;
  readonly #sums: Float64Array;

  constructor(features: KnobFeatures, before: ProcessVariances) {
    this.#features = features;
    this.#before = before;
    this.#ownExplained = new Float64Array(before.own.length);
    this.#ownExpected = new Float64Array(before.own.length);
    this.#pairExplained = new Float64Array(before.pairs.length);
    this.#pairExpected = new Float64Array(before.pairs.length);
    this.#sums = new Float64Array(features.groups.length);
  }

  add({ left }: Row, { right }: Row, explained: number, expected: number): void {
    const { products, groupStarts } = this.#features;
    const { share } = this.#before;
    const groupCount = this.#sums.length;
    for (let g = 0; g < groupCount; g++) {
      let sum = 0;
      let squares = 0;
      const end = groupStarts[g + 1]!;
      for (let j = groupStarts[g]!; j < end; j++) {
        const product = products[left[j]! + right[j]!]!;
        this.#ownExplained[j]! += explained * product;
        this.#ownExpected[j]! += expected * product;
        const shared = share[j]! * product;
        sum += shared;
        squares += shared * shared;
      }
      this.#sums[g] = sum;
      for (let h = 0; h <= g; h++) {
        const value = h === g ? 0.5 * (sum * sum - squares) : this.#sums[h]! * sum;
        this.#pairExplained[h * groupCount + g]! += explained * value;
        this.#pairExpected[h * groupCount + g]! += expected * value;
      }
    }
  }

  variances(): Omit<ProcessVariances, "noise"> {
    const own = this.#before.own.map((value, j) => scaled(value, this.#ownExplained[j]!, this.#ownExpected[j]!));
    const pairs = this.#before.pairs.slice();
    const groupCount = this.#sums.length;
    for (let g = 0; g < groupCount; g++) {
      for (let h = 0; h <= g; h++) {
        const at = h * groupCount + g;
        pairs[at] = scaled(pairs[at]!, this.#pairExplained[at]!, this.#pairExpected[at]!, USUAL_PAIRS);
        pairs[g * groupCount + h] = pairs[at]!;
      }
    }
    return { own, share: sharesOf(own), pairs };
  }
}

/** @param explained,expected both for a variance of 1; the share of a trial that is added to both keeps what few trials
 *  say little about where it is, or draws it to what is usual (the mode of an inverse gamma prior) */
function scaled(variance: number, explained: number, expected: number, usual = variance): number {
  const ratio =
    (variance * Math.max(explained, 0) + (DOUBT * usual) / variance) / (variance * Math.max(expected, 0) + DOUBT);
  return Math.min(1e3, Math.max(LEAST, variance * Math.sqrt(ratio)));
}

/** Shares grow with the root of a knob's own variance; squares sum to 1. */
function sharesOf(own: Float64Array): Float64Array {
  const total = own.reduce((sum, value) => sum + value, 0);
  const weights = own.map((value) => value / total + SOFTENING / own.length);
  const norm = weights.reduce((sum, value) => sum + value, 0);
  return weights.map((value) => Math.sqrt(value / norm));
}

/** The inverse of a symmetric positive definite matrix, in its place; only the lower half is read. */
function invertInPlace(matrix: Float64Array, n: number): void {
  // Cholesky factor in the lower half
  for (let i = 0; i < n; i++) {
    const rowI = matrix.subarray(i * n, i * n + n);
    for (let j = 0; j < i; j++)
      rowI[j] = (rowI[j]! - dot(rowI, matrix.subarray(j * n, j * n + n), j)) / matrix[j * n + j]!;
    rowI[i] = Math.sqrt(Math.max(rowI[i]! - dot(rowI, rowI, i), 1e-9));
  }
  // inverse of the factor, transposed: row c holds column c, from its diagonal on
  const turned = new Float64Array(n * n);
  for (let c = 0; c < n; c++) {
    const column = turned.subarray(c * n, c * n + n);
    column[c] = 1 / matrix[c * n + c]!;
    for (let i = c + 1; i < n; i++) {
      const row = i * n;
      let sum = 0;
      for (let k = c; k < i; k++) sum += matrix[row + k]! * column[k]!;
      column[i] = -sum / matrix[row + i]!;
    }
  }
  for (let i = 0; i < n; i++) {
    const columnI = turned.subarray(i * n, i * n + n);
    for (let j = 0; j <= i; j++) {
      const columnJ = turned.subarray(j * n, j * n + n);
      let sum = 0;
      for (let k = i; k < n; k++) sum += columnI[k]! * columnJ[k]!;
      matrix[i * n + j] = sum;
      matrix[j * n + i] = sum;
    }
  }
}
