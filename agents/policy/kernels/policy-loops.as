// The inner loops of the policies, four numbers at a time: matrix products, and the gates of an LSTM forward and backward.
// AssemblyScript (https://www.assemblyscript.org); policy-loops-wasm.ts holds what it compiles to, and says how.
// Arguments are addresses of 32-bit floats, strides in bytes, and counts; N and units are multiples of 8. Every sum runs in one
// fixed order, so results are the same on every machine.

const COLUMNS: usize = 32; // bytes of the eight columns that are done at once

/** C [M, N] = A [M, K] · B [K, N], or C + A · B. A may lie either way: element (m, k) is at a + m · aRow + k · aStep. */
export function multiply(
  a: usize, aRow: usize, aStep: usize, b: usize, bRow: usize, c: usize, cRow: usize, M: i32, N: i32, K: i32,
  isAdded: i32,
): void {
  const bytes = <usize>(N << 2);
  const blocked = M & ~3;
  for (let column: usize = 0; column < bytes; column += COLUMNS) {
    let left = a;
    let to = c + column;
    for (let m = 0; m < blocked; m += 4, left += aRow << 2, to += cRow << 2) {
      fourByEight(left, aRow, aStep, b + column, bRow, to, cRow, K, isAdded);
    }
    for (let m = blocked; m < M; m++, left += aRow, to += cRow) {
      oneByEight(left, aStep, b + column, bRow, to, K, isAdded);
    }
  }
}

// @ts-ignore: decorator
@inline
function fourByEight(
  a: usize, aRow: usize, aStep: usize, b: usize, bRow: usize, c: usize, cRow: usize, K: i32, isAdded: i32,
): void {
  const c1 = c + cRow;
  const c2 = c1 + cRow;
  const c3 = c2 + cRow;
  let s00 = f32x4.splat(0), s01 = f32x4.splat(0), s10 = f32x4.splat(0), s11 = f32x4.splat(0);
  let s20 = f32x4.splat(0), s21 = f32x4.splat(0), s30 = f32x4.splat(0), s31 = f32x4.splat(0);
  if (isAdded) {
    s00 = v128.load(c);
    s01 = v128.load(c, 16);
    s10 = v128.load(c1);
    s11 = v128.load(c1, 16);
    s20 = v128.load(c2);
    s21 = v128.load(c2, 16);
    s30 = v128.load(c3);
    s31 = v128.load(c3, 16);
  }
  let a0 = a;
  let a1 = a + aRow;
  let a2 = a1 + aRow;
  let a3 = a2 + aRow;
  for (let k = 0; k < K; k++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load32_splat(a0);
    s00 = f32x4.add(s00, f32x4.mul(x, b0));
    s01 = f32x4.add(s01, f32x4.mul(x, b1));
    x = v128.load32_splat(a1);
    s10 = f32x4.add(s10, f32x4.mul(x, b0));
    s11 = f32x4.add(s11, f32x4.mul(x, b1));
    x = v128.load32_splat(a2);
    s20 = f32x4.add(s20, f32x4.mul(x, b0));
    s21 = f32x4.add(s21, f32x4.mul(x, b1));
    x = v128.load32_splat(a3);
    s30 = f32x4.add(s30, f32x4.mul(x, b0));
    s31 = f32x4.add(s31, f32x4.mul(x, b1));
    a0 += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
    b += bRow;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  v128.store(c1, s10);
  v128.store(c1, s11, 16);
  v128.store(c2, s20);
  v128.store(c2, s21, 16);
  v128.store(c3, s30);
  v128.store(c3, s31, 16);
}

// @ts-ignore: decorator
@inline
function oneByEight(a: usize, aStep: usize, b: usize, bRow: usize, c: usize, K: i32, isAdded: i32): void {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0);
  if (isAdded) {
    s0 = v128.load(c);
    s1 = v128.load(c, 16);
  }
  for (let k = 0; k < K; k++, a += aStep, b += bRow) {
    const x = v128.load32_splat(a);
    s0 = f32x4.add(s0, f32x4.mul(x, v128.load(b)));
    s1 = f32x4.add(s1, f32x4.mul(x, v128.load(b, 16)));
  }
  v128.store(c, s0);
  v128.store(c, s1, 16);
}

/** Row i of `to` becomes row places[i] of `table`. */
export function takeRows(table: usize, places: usize, to: usize, M: i32, N: i32): void {
  const bytes = <usize>(N << 2);
  for (let m = 0; m < M; m++) {
    memory.copy(to + <usize>m * bytes, table + <usize>i32.load(places + <usize>(m << 2)) * bytes, bytes);
  }
}

/** Adds row i of `from` to row places[i] of `table`. */
export function addRows(table: usize, places: usize, from: usize, M: i32, N: i32): void {
  const bytes = <usize>(N << 2);
  for (let m = 0; m < M; m++) {
    const row = table + <usize>i32.load(places + <usize>(m << 2)) * bytes;
    for (let n: usize = 0; n < bytes; n += 16, from += 16) {
      v128.store(row + n, f32x4.add(v128.load(row + n), v128.load(from)));
    }
  }
}

/** One step of an LSTM. sums [M, 4 · units]: input, forget, cell and output gate, replaced by what they let through;
 *  the other blocks are [M, units]. */
export function lstmForward(
  sums: usize, cellBefore: usize, cell: usize, tanhCell: usize, hidden: usize, M: i32, units: i32,
): void {
  const bytes = <usize>(units << 2);
  let at: usize = 0;
  for (let m = 0; m < M; m++) {
    const row = sums + ((at << 2) as usize);
    for (let u: usize = 0; u < bytes; u += 16) {
      const i = logistic(v128.load(row + u));
      const f = logistic(v128.load(row + bytes + u));
      const g = tanhOf(v128.load(row + 2 * bytes + u));
      const o = logistic(v128.load(row + 3 * bytes + u));
      const c = f32x4.add(f32x4.mul(f, v128.load(cellBefore + at + u)), f32x4.mul(i, g));
      const t = tanhOf(c);
      v128.store(row + u, i);
      v128.store(row + bytes + u, f);
      v128.store(row + 2 * bytes + u, g);
      v128.store(row + 3 * bytes + u, o);
      v128.store(cell + at + u, c);
      v128.store(tanhCell + at + u, t);
      v128.store(hidden + at + u, f32x4.mul(o, t));
    }
    at += bytes;
  }
}

/** Back through that step: gates becomes dL/d(sums), dCell what the step before gets. */
export function lstmBackward(
  gates: usize, cellBefore: usize, tanhCell: usize, dHidden: usize, dCell: usize, M: i32, units: i32,
): void {
  const bytes = <usize>(units << 2);
  const one = f32x4.splat(1);
  let at: usize = 0;
  for (let m = 0; m < M; m++) {
    const row = gates + ((at << 2) as usize);
    for (let u: usize = 0; u < bytes; u += 16) {
      const i = v128.load(row + u);
      const f = v128.load(row + bytes + u);
      const g = v128.load(row + 2 * bytes + u);
      const o = v128.load(row + 3 * bytes + u);
      const t = v128.load(tanhCell + at + u);
      const dh = v128.load(dHidden + at + u);
      const slope = f32x4.mul(f32x4.mul(dh, o), f32x4.sub(one, f32x4.mul(t, t)));
      const dc = f32x4.add(v128.load(dCell + at + u), slope);
      v128.store(row + u, f32x4.mul(f32x4.mul(dc, g), bend(i)));
      v128.store(row + bytes + u, f32x4.mul(f32x4.mul(dc, v128.load(cellBefore + at + u)), bend(f)));
      v128.store(row + 2 * bytes + u, f32x4.mul(f32x4.mul(dc, i), f32x4.sub(one, f32x4.mul(g, g))));
      v128.store(row + 3 * bytes + u, f32x4.mul(f32x4.mul(dh, t), bend(o)));
      v128.store(dCell + at + u, f32x4.mul(dc, f));
    }
    at += bytes;
  }
}

/** derivative of the logistic function from its value */
// @ts-ignore: decorator
@inline
function bend(value: v128): v128 {
  return f32x4.mul(value, f32x4.sub(f32x4.splat(1), value));
}

// @ts-ignore: decorator
@inline
function logistic(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exponential(f32x4.neg(x))));
}

// @ts-ignore: decorator
@inline
function tanhOf(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.sub(one, f32x4.div(f32x4.splat(2), f32x4.add(exponential(f32x4.add(x, x)), one)));
}

/** e^x between e^-87 and e^87, to about 1e-7 of it: 2^n · e^r with |r| <= ln 2 / 2 and the series of e^r up to r^7. What is no
 *  number stays so. */
// @ts-ignore: decorator
@inline
function exponential(x: v128): v128 {
  x = f32x4.max(f32x4.min(x, f32x4.splat(87)), f32x4.splat(-87));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504)));
  // ln 2 in two parts, the first of which times n is exact
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375))), f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let series = f32x4.splat(1.0 / 5040.0);
  series = f32x4.add(f32x4.mul(series, r), f32x4.splat(1.0 / 720.0));
  series = f32x4.add(f32x4.mul(series, r), f32x4.splat(1.0 / 120.0));
  series = f32x4.add(f32x4.mul(series, r), f32x4.splat(1.0 / 24.0));
  series = f32x4.add(f32x4.mul(series, r), f32x4.splat(1.0 / 6.0));
  series = f32x4.add(f32x4.mul(series, r), f32x4.splat(0.5));
  series = f32x4.add(f32x4.mul(series, r), f32x4.splat(1));
  series = f32x4.add(f32x4.mul(series, r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(series, power);
}
