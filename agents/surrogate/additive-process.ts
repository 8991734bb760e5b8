// A Gaussian process over the points of a space whose function is a sum: a constant, one curve per knob and one surface per
// pair of knobs. Costs of designs are mostly so (layers add up, their logarithms make chip and network add up), and few
// trials are enough to learn it. As the kernel is a finite sum, the posterior mean is a quadratic form in the knobs' columns,
// and all one-knob changes of a point are predicted at once, far cheaper than with the kernel.
// Papers: Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, algorithm 2.1; Duvenaud et al. 2011, "Additive
// Gaussian processes"; Lu et al. 2022, arXiv:2206.09861 (orthogonal terms). Deviation: pairs share the knobs' relevances.
import { INACTIVE } from "../../src/core/space.js";
import type { KnobFeatures, Row } from "./knob-features.js";

/** Prior variances, of targets that are scaled to variance 1. */
export interface ProcessVariances {
  /** shape [knobs]: of each knob's own curve */
  readonly own: Float64Array;
  /** shape [knobs]: share that a knob has in the surfaces of its pairs; squares sum to 1 */
  readonly share: Float64Array;
  /** shape [groups, groups]: of the surfaces between knobs of two groups; both halves filled */
  readonly pairs: Float64Array;
  /** of what no curve or surface explains */
  readonly noise: number;
}

/** The mean as a function of the columns φ: constant + own·φ + ½ φᵀ·pairs·φ. */
export interface MeanWeights {
  readonly constant: number;
  /** shape [width] */
  readonly own: Float64Array;
  /** shape [width, width]; symmetric, zero within a knob */
  readonly pairs: Float64Array;
}

/** The kernel of two points. */
export function kernelOf(features: KnobFeatures, variances: ProcessVariances, a: Row, b: Row): number {
  const { products, groupStarts, groupSums } = features;
  const { own, share, pairs } = variances;
  const { left } = a;
  const { right } = b;
  const groupCount = groupStarts.length - 1;
  let total = 1;
  for (let g = 0; g < groupCount; g++) {
    let sum = 0;
    let squares = 0;
    const end = groupStarts[g + 1]!;
    for (let j = groupStarts[g]!; j < end; j++) {
      const product = products[left[j]! + right[j]!]!;
      total += own[j]! * product;
      const shared = share[j]! * product;
      sum += shared;
      squares += shared * shared;
    }
    groupSums[g] = sum;
    total += 0.5 * pairs[g * groupCount + g]! * (sum * sum - squares);
    for (let h = 0; h < g; h++) total += pairs[h * groupCount + g]! * groupSums[h]! * sum;
  }
  return total;
}

/** Prior variance of the surfaces at a point. */
function pairVarianceOf(features: KnobFeatures, variances: ProcessVariances, row: Row): number {
  const own = variances.own.reduce(
    (sum, value, j) => sum + value * features.products[row.left[j]! + row.right[j]!]!,
    0,
  );
  return kernelOf(features, variances, row, row) - 1 - own;
}

/** The process given some points; points are added one by one, each in O(n²). */
export class AdditiveProcess {
  readonly features: KnobFeatures;
  readonly variances: ProcessVariances;
  readonly #rows: Row[] = [];
  /** rows of the Cholesky factor of kernel + noise */
  readonly #factor: Float64Array[] = [];

  constructor(features: KnobFeatures, variances: ProcessVariances) {
    this.features = features;
    this.variances = variances;
  }

  get size(): number {
    return this.#rows.length;
  }

  kernel(a: Row, b: Row): number {
    return kernelOf(this.features, this.variances, a, b);
  }

  add(row: Row): void {
    const reach = this.reach(row);
    const rest = this.kernel(row, row) + this.variances.noise - dot(reach, reach, reach.length);
    const grown = new Float64Array(reach.length + 1);
    grown.set(reach);
    grown[reach.length] = Math.sqrt(Math.max(rest, 1e-9));
    this.#factor.push(grown);
    this.#rows.push(row);
  }

  /** L⁻¹·k(rows, point): what the rows tell about a point. Its variance is kernel(point, point) - |reach|². */
  reach(point: Row): Float64Array {
    const reach = new Float64Array(this.size);
    for (let i = 0; i < reach.length; i++) {
      const line = this.#factor[i]!;
      reach[i] = (this.kernel(this.#rows[i]!, point) - dot(line, reach, i)) / line[i]!;
    }
    return reach;
  }

  /** How the knobs' own curves may differ from the mean: a root of the covariance of their weights, pairs taken as noise.
   *  @returns upper triangle R, shape [width, width]: weights + R⁻¹·z, z standard normal, is a draw */
  ownRoot(): Float64Array {
    const { knobs, width } = this.features;
    const { own, noise } = this.variances;
    let rest = noise;
    for (const row of this.#rows) rest += pairVarianceOf(this.features, this.variances, row) / this.#rows.length;
    const precision = new Float64Array(width * width);
    const columns = new Float64Array(width);
    for (const { codes } of this.#rows) {
      columnsOf(this.features, codes, columns);
      for (let c = 0; c < width; c++) {
        const value = columns[c]! / rest;
        if (value === 0) continue;
        for (let d = c; d < width; d++) precision[c * width + d]! += value * columns[d]!;
      }
    }
    knobs.forEach(({ offset, width: own1 }, j) => {
      for (let c = offset; c < offset + own1; c++) precision[c * width + c]! += 1 / own[j]!;
    });
    // RᵀR = precision, row by row
    for (let c = 0; c < width; c++) {
      const start = c * width;
      const root = Math.sqrt(Math.max(precision[start + c]!, 1e-12));
      for (let d = c; d < width; d++) precision[start + d]! /= root;
      for (let e = c + 1; e < width; e++) {
        const factor = precision[start + e]!;
        if (factor === 0) continue;
        for (let d = e; d < width; d++) precision[e * width + d]! -= factor * precision[start + d]!;
      }
    }
    return precision;
  }

  /** The posterior mean for targets of the rows. @param targets shape [size], scaled to mean 0 and variance 1 */
  mean(targets: Float64Array): MeanWeights {
    const alpha = this.#solve(targets);
    const { knobs, width } = this.features;
    const { own: ownVariances, share, pairs: pairVariances } = this.variances;
    const own = new Float64Array(width);
    const pairs = new Float64Array(width * width);
    const columns = new Float64Array(width);
    let constant = 0;
    for (let i = 0; i < alpha.length; i++) {
      const weight = alpha[i]!;
      constant += weight;
      columnsOf(this.features, this.#rows[i]!.codes, columns);
      for (let c = 0; c < width; c++) {
        const value = weight * columns[c]!;
        if (value === 0) continue;
        own[c]! += value;
        const start = c * width;
        for (let d = 0; d < c; d++) pairs[start + d]! += value * columns[d]!;
      }
    }
    const groupCount = this.features.groups.length;
    const groups = groupsOf(this.features);
    knobs.forEach((knob, j) => {
      for (let c = knob.offset; c < knob.offset + knob.width; c++) own[c]! *= ownVariances[j]!;
      for (let k = 0; k <= j; k++) {
        const other = knobs[k]!;
        const variance = pairVariances[groups[j]! * groupCount + groups[k]!]!;
        const scale = k === j ? 0 : variance * share[j]! * share[k]!;
        for (let c = knob.offset; c < knob.offset + knob.width; c++) {
          for (let d = other.offset; d < other.offset + other.width; d++) {
            const value = scale * pairs[c * width + d]!;
            pairs[c * width + d] = value;
            pairs[d * width + c] = value;
          }
        }
      }
    });
    return { constant, own, pairs };
  }

  /** log-likelihood of the targets of the rows, without the constant */
  evidence(targets: Float64Array): number {
    const alpha = this.#solve(targets);
    let logs = 0;
    this.#factor.forEach((line, i) => {
      logs += Math.log(line[i]!);
    });
    return -0.5 * dot(targets, alpha, alpha.length) - logs;
  }

  /** (L·Lᵀ)⁻¹·targets */
  #solve(targets: Float64Array): Float64Array {
    const solution = Float64Array.from(targets);
    for (let i = 0; i < solution.length; i++) {
      const line = this.#factor[i]!;
      solution[i] = (solution[i]! - dot(line, solution, i)) / line[i]!;
    }
    for (let i = solution.length - 1; i >= 0; i--) {
      const line = this.#factor[i]!;
      const value = solution[i]! / line[i]!;
      solution[i] = value;
      for (let k = 0; k < i; k++) solution[k]! -= line[k]! * value;
    }
    return solution;
  }
}

/** Group of each knob. */
export function groupsOf({ knobs, groupStarts }: KnobFeatures): Int32Array {
  const groups = new Int32Array(knobs.length);
  for (let g = 0; g + 1 < groupStarts.length; g++) groups.fill(g, groupStarts[g]!, groupStarts[g + 1]!);
  return groups;
}

/** The columns of a point. @param columns shape [width], overwritten */
export function columnsOf({ knobs }: KnobFeatures, codes: Int32Array, columns: Float64Array): Float64Array {
  for (const { position, offset, width, table } of knobs) {
    const code = codes[position]!;
    for (let m = 0; m < width; m++) columns[offset + m] = code === INACTIVE ? 0 : table[code * width + m]!;
  }
  return columns;
}

/** Slope of the mean at a point: changing one knob's columns by δ changes the mean by exactly slope·δ.
 *  @param slope shape [width], overwritten  @returns the mean at the point */
export function slopeOf({ constant, own, pairs }: MeanWeights, columns: Float64Array, slope: Float64Array): number {
  const width = own.length;
  slope.set(own);
  let mean = constant;
  for (let c = 0; c < width; c++) {
    const value = columns[c]!;
    if (value === 0) continue;
    const start = c * width;
    for (let d = 0; d < width; d++) slope[d]! += value * pairs[start + d]!;
  }
  for (let c = 0; c < width; c++) mean += 0.5 * columns[c]! * (own[c]! + slope[c]!);
  return mean;
}

/** Sum of the first `count` products. */
export function dot(a: Float64Array, b: Float64Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += a[i]! * b[i]!;
  return sum;
}
