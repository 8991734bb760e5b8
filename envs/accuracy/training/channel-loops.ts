// Loops over feature maps with the channels innermost, on plain arrays: what the tensor library lacks or does slowly. Sums are
// kept in double precision, in one fixed order, so that every backend and machine gives the same bits.
// Maps are [N, H, W, C] row by row; no padding here, the caller has padded.

export interface Window {
  /** images, rows and columns of the result, channels */
  readonly N: number;
  readonly P: number;
  readonly Q: number;
  readonly C: number;
  /** rows and columns that are read, [N, H, W, C] */
  readonly H: number;
  readonly W: number;
  /** rows and columns of the filter */
  readonly R: number;
  readonly S: number;
  readonly stride: number;
}

/** dw[r, s, c] = Σ over n, p, q of x[n, p·stride + r, q·stride + s, c] · dy[n, p, q, c].  @param dw [R, S, C], overwritten */
export function depthwiseFilterGradient(x: Float32Array, dy: Float32Array, dw: Float32Array, window: Window): void {
  const { N, P, Q, C, H, W, R, S, stride } = window;
  const sums = new Float64Array(R * S * C);
  const step = stride * C;
  for (let row = 0; row < N * P; row++) {
    const top = (Math.floor(row / P) * H + (row % P) * stride) * W * C;
    const start = row * Q * C;
    for (let r = 0; r < R; r++) {
      let s = 0;
      // three taps at a time: three sums that do not wait for each other, and dy is read once for them
      for (; s + 3 <= S; s += 3) {
        for (let c = 0; c < C; c++) {
          const to = (r * S + s) * C + c;
          let [from, at] = [top + (r * W + s) * C + c, start + c];
          let [first, second, third] = [0, 0, 0];
          for (let q = 0; q < Q; q++, from += step, at += C) {
            const slope = dy[at]!;
            first += x[from]! * slope;
            second += x[from + C]! * slope;
            third += x[from + 2 * C]! * slope;
          }
          sums[to]! += first;
          sums[to + C]! += second;
          sums[to + 2 * C]! += third;
        }
      }
      for (; s < S; s++) {
        for (let c = 0; c < C; c++) {
          let [from, at, sum] = [top + (r * W + s) * C + c, start + c, 0];
          for (let q = 0; q < Q; q++, from += step, at += C) sum += x[from]! * dy[at]!;
          sums[(r * S + s) * C + c]! += sum;
        }
      }
    }
  }
  dw.set(sums);
}

/** dx[n, p·stride + r, q·stride + s, c] += dy[n, p, q, c] · filter[r, s, c].  @param dx [N, H, W, C], overwritten */
export function depthwiseInputGradient(
  dy: Float32Array,
  filter: Float32Array,
  dx: Float32Array,
  { N, P, Q, C, H, W, R, S, stride }: Window,
): void {
  dx.fill(0);
  const step = stride * C;
  for (let row = 0; row < N * P; row++) {
    const top = (Math.floor(row / P) * H + (row % P) * stride) * W * C;
    for (let r = 0; r < R; r++) {
      for (let s = 0; s < S; s++) {
        const tap = (r * S + s) * C;
        let to = top + (r * W + s) * C;
        let at = row * Q * C;
        for (let q = 0; q < Q; q++, to += step) {
          for (let c = 0; c < C; c++, at++) dx[to + c]! += dy[at]! * filter[tap + c]!;
        }
      }
    }
  }
}

/** Every stride-th row and column of x [N, H, W, C].  @param y [N, ⌈H / stride⌉, ⌈W / stride⌉, C], overwritten */
export function subsampleInto(x: Float32Array, y: Float32Array, { N, P, Q, C, H, W, stride }: Window): void {
  let at = 0;
  for (let row = 0; row < N * P; row++) {
    let from = (Math.floor(row / P) * H + (row % P) * stride) * W * C;
    for (let q = 0; q < Q; q++, from += stride * C) for (let c = 0; c < C; c++) y[at++] = x[from + c]!;
  }
}

/** The opposite of subsampleInto: zeros between what dy puts back.  @param dx [N, H, W, C], overwritten */
export function spreadInto(dy: Float32Array, dx: Float32Array, { N, P, Q, C, H, W, stride }: Window): void {
  dx.fill(0);
  let at = 0;
  for (let row = 0; row < N * P; row++) {
    let to = (Math.floor(row / P) * H + (row % P) * stride) * W * C;
    for (let q = 0; q < Q; q++, to += stride * C) for (let c = 0; c < C; c++) dx[to + c] = dy[at++]!;
  }
}

/** Mean and variance of each column of x [M, C].  @param mean, variance [C], overwritten */
export function columnMoments(x: Float32Array, mean: Float32Array, variance: Float32Array): void {
  const C = mean.length;
  const M = x.length / C;
  const sums = new Float64Array(C);
  for (let at = 0; at < x.length; ) for (let c = 0; c < C; c++) sums[c]! += x[at++]!;
  for (let c = 0; c < C; c++) sums[c]! /= M;
  mean.set(sums);
  const squares = new Float64Array(C);
  for (let at = 0; at < x.length; ) {
    for (let c = 0; c < C; c++) {
      const difference = x[at++]! - sums[c]!;
      squares[c]! += difference * difference;
    }
  }
  for (let c = 0; c < C; c++) variance[c] = squares[c]! / M;
}

/** y[m, c] = (x[m, c] − mean[c]) · inverse[c] · scale[c] + shift[c], held between 0 and `cap`; without bounds where cap is
 *  undefined. What is no number stays so: divergence must show. */
export function scaleColumns(
  x: Float32Array,
  mean: Float32Array,
  inverse: Float32Array,
  scale: Float32Array,
  shift: Float32Array,
  y: Float32Array,
  cap: number | undefined,
): void {
  const C = mean.length;
  const gain = Float64Array.from(inverse, (value, c) => value * scale[c]!);
  for (let at = 0; at < x.length; ) {
    for (let c = 0; c < C; c++, at++) {
      const value = (x[at]! - mean[c]!) * gain[c]! + shift[c]!;
      y[at] = cap === undefined ? value : Math.min(Math.max(value, 0), cap);
    }
  }
}

export interface NormalizationGradients {
  /** [M, C] */
  readonly dx: Float32Array;
  /** [C] */
  readonly dScale: Float32Array;
  readonly dShift: Float32Array;
}

/** Gradients of y = between(0, cap)(scale · (x − mean) / deviation + shift) with mean and deviation of the batch
 *  (Ioffe and Szegedy 2015, arXiv:1502.03167, section 3).
 *  @param dy, x, y [M, C]; y is what the forward pass returned  @param inverse 1 / deviation  @param cap as in scaleColumns */
export function normalizationGradient(
  dy: Float32Array,
  x: Float32Array,
  y: Float32Array,
  mean: Float32Array,
  inverse: Float32Array,
  scale: Float32Array,
  cap: number | undefined,
  { dx, dScale, dShift }: NormalizationGradients,
): void {
  const C = mean.length;
  const M = dy.length / C;
  const sums = new Float64Array(C);
  const products = new Float64Array(C);
  const isCut = cap !== undefined;
  const top = cap ?? 0;
  for (let at = 0; at < dy.length; ) {
    for (let c = 0; c < C; c++, at++) {
      const slope = !isCut || (y[at]! > 0 && y[at]! < top) ? dy[at]! : 0;
      dx[at] = slope;
      sums[c]! += slope;
      products[c]! += slope * (x[at]! - mean[c]!);
    }
  }
  const [constant, linear, gain] = [new Float64Array(C), new Float64Array(C), new Float64Array(C)];
  for (let c = 0; c < C; c++) {
    dShift[c] = sums[c]!;
    dScale[c] = products[c]! * inverse[c]!;
    gain[c] = scale[c]! * inverse[c]!;
    linear[c] = (-gain[c]! * products[c]! * inverse[c]! * inverse[c]!) / M;
    constant[c] = (-gain[c]! * sums[c]!) / M - linear[c]! * mean[c]!;
  }
  for (let at = 0; at < dy.length; ) {
    for (let c = 0; c < C; c++, at++) dx[at] = dx[at]! * gain[c]! + x[at]! * linear[c]! + constant[c]!;
  }
}
