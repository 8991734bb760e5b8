// The loops of channel-loops.ts, four channels at a time, on the memory that the tensor library's WebAssembly shares.
// AssemblyScript (https://www.assemblyscript.org); channel-loops-wasm.ts holds what it compiles to, and says how.
// Arguments are addresses of 32-bit floats, row by row with the channels innermost; C is a multiple of 4. Sums over rows are
// kept in single precision for 32 rows, and in double precision over these.

const BLOCK: i32 = 32;

export function depthwiseFilterGradient(
  x: usize, dy: usize, dw: usize, N: i32, P: i32, Q: i32, C: i32, H: i32, W: i32, R: i32, S: i32, stride: i32,
): void {
  const bytes = <usize>(C << 2);
  const step = <usize>stride * bytes;
  memory.fill(dw, 0, <usize>(R * S) * bytes);
  for (let row = 0; row < N * P; row++) {
    const top = x + <usize>(((row / P) * H + (row % P) * stride) * W) * bytes;
    const start = dy + <usize>(row * Q) * bytes;
    for (let r = 0; r < R; r++) {
      for (let s = 0; s < S; s++) {
        const left = top + <usize>(r * W + s) * bytes;
        const tap = dw + <usize>(r * S + s) * bytes;
        for (let c: usize = 0; c < bytes; c += 16) {
          let from = left + c;
          let at = start + c;
          let sum = v128.load(tap + c);
          for (let q = 0; q < Q; q++) {
            sum = f32x4.add(sum, f32x4.mul(v128.load(from), v128.load(at)));
            from += step;
            at += bytes;
          }
          v128.store(tap + c, sum);
        }
      }
    }
  }
}

export function depthwiseInputGradient(
  dy: usize, filter: usize, dx: usize, N: i32, P: i32, Q: i32, C: i32, H: i32, W: i32, R: i32, S: i32, stride: i32,
): void {
  const bytes = <usize>(C << 2);
  const step = <usize>stride * bytes;
  memory.fill(dx, 0, <usize>(N * H * W) * bytes);
  for (let row = 0; row < N * P; row++) {
    const top = dx + <usize>(((row / P) * H + (row % P) * stride) * W) * bytes;
    const start = dy + <usize>(row * Q) * bytes;
    for (let r = 0; r < R; r++) {
      for (let s = 0; s < S; s++) {
        const left = top + <usize>(r * W + s) * bytes;
        const tap = filter + <usize>(r * S + s) * bytes;
        for (let c: usize = 0; c < bytes; c += 16) {
          const weight = v128.load(tap + c);
          let to = left + c;
          let at = start + c;
          for (let q = 0; q < Q; q++) {
            v128.store(to, f32x4.add(v128.load(to), f32x4.mul(v128.load(at), weight)));
            to += step;
            at += bytes;
          }
        }
      }
    }
  }
}

/** sums: room for C doubles */
export function columnMoments(x: usize, M: i32, C: i32, mean: usize, variance: usize, sums: usize): void {
  const bytes = <usize>(C << 2);
  memory.fill(sums, 0, 2 * bytes);
  for (let first = 0; first < M; first += BLOCK) {
    const count = min(BLOCK, M - first);
    for (let c: usize = 0; c < bytes; c += 16) {
      let from = x + <usize>first * bytes + c;
      let sum = f32x4.splat(0);
      for (let m = 0; m < count; m++, from += bytes) sum = f32x4.add(sum, v128.load(from));
      addTo(sums + 2 * c, sum);
    }
  }
  average(sums, C, M, mean);
  memory.fill(sums, 0, 2 * bytes);
  for (let first = 0; first < M; first += BLOCK) {
    const count = min(BLOCK, M - first);
    for (let c: usize = 0; c < bytes; c += 16) {
      const middle = v128.load(mean + c);
      let from = x + <usize>first * bytes + c;
      let sum = f32x4.splat(0);
      for (let m = 0; m < count; m++, from += bytes) {
        const difference = f32x4.sub(v128.load(from), middle);
        sum = f32x4.add(sum, f32x4.mul(difference, difference));
      }
      addTo(sums + 2 * c, sum);
    }
  }
  average(sums, C, M, variance);
}

/** four single sums to four double ones */
// @ts-ignore: decorator
@inline
function addTo(sums: usize, four: v128): void {
  const low = f64x2.promote_low_f32x4(four);
  const high = f64x2.promote_low_f32x4(v128.shuffle<i32>(four, four, 2, 3, 2, 3));
  v128.store(sums, f64x2.add(v128.load(sums), low));
  v128.store(sums + 16, f64x2.add(v128.load(sums + 16), high));
}

function average(sums: usize, C: i32, M: i32, to: usize): void {
  for (let c = 0; c < C; c++) f32.store(to + <usize>(c << 2), <f32>(f64.load(sums + <usize>(c << 3)) / <f64>M));
}

/** y = (x − mean) · inverse · scale + shift, between 0 and cap where isCut; what is no number stays so */
export function scaleColumns(
  x: usize, y: usize, M: i32, C: i32, mean: usize, inverse: usize, scale: usize, shift: usize,
  isCut: i32, cap: f32,
): void {
  const bytes = <usize>(C << 2);
  const highest = f32x4.splat(cap);
  const lowest = f32x4.splat(0);
  for (let c: usize = 0; c < bytes; c += 16) {
    const middle = v128.load(mean + c);
    const gain = f32x4.mul(v128.load(inverse + c), v128.load(scale + c));
    const offset = v128.load(shift + c);
    const end = x + <usize>M * bytes;
    let to = y + c;
    for (let from = x + c; from < end; from += bytes, to += bytes) {
      let value = f32x4.add(f32x4.mul(f32x4.sub(v128.load(from), middle), gain), offset);
      if (isCut) value = f32x4.min(f32x4.max(value, lowest), highest);
      v128.store(to, value);
    }
  }
}

/** sums, products: room for C doubles each; dScale and dShift are written last and serve as room before */
export function normalizationGradient(
  dy: usize, x: usize, y: usize, dx: usize, M: i32, C: i32, mean: usize, inverse: usize, scale: usize, dScale: usize,
  dShift: usize, sums: usize, products: usize, isCut: i32, cap: f32,
): void {
  const bytes = <usize>(C << 2);
  const highest = f32x4.splat(cap);
  const lowest = f32x4.splat(0);
  memory.fill(sums, 0, 2 * bytes);
  memory.fill(products, 0, 2 * bytes);
  for (let first = 0; first < M; first += BLOCK) {
    const count = min(BLOCK, M - first);
    for (let c: usize = 0; c < bytes; c += 16) {
      const middle = v128.load(mean + c);
      let at = <usize>first * bytes + c;
      let sum = f32x4.splat(0);
      let product = f32x4.splat(0);
      for (let m = 0; m < count; m++, at += bytes) {
        let slope = v128.load(dy + at);
        if (isCut) {
          const output = v128.load(y + at);
          slope = v128.and(slope, v128.and(f32x4.gt(output, lowest), f32x4.lt(output, highest)));
        }
        v128.store(dx + at, slope);
        sum = f32x4.add(sum, slope);
        product = f32x4.add(product, f32x4.mul(slope, f32x4.sub(v128.load(x + at), middle)));
      }
      addTo(sums + 2 * c, sum);
      addTo(products + 2 * c, product);
    }
  }
  // dx = gain · slope + linear · (x − mean) + constant; linear and constant wait in dScale and dShift
  for (let i = 0; i < C; i++) {
    const at = <usize>(i << 2);
    const reciprocal = <f64>f32.load(inverse + at);
    const gain = <f64>f32.load(scale + at) * reciprocal;
    const total = f64.load(sums + <usize>(i << 3));
    const product = f64.load(products + <usize>(i << 3));
    f32.store(dScale + at, <f32>((-gain * product * reciprocal * reciprocal) / <f64>M));
    f32.store(dShift + at, <f32>((-gain * total) / <f64>M));
  }
  for (let first = 0; first < M; first += BLOCK) {
    const count = min(BLOCK, M - first);
    for (let c: usize = 0; c < bytes; c += 16) {
      const middle = v128.load(mean + c);
      const gain = f32x4.mul(v128.load(scale + c), v128.load(inverse + c));
      const linear = v128.load(dScale + c);
      const constant = v128.load(dShift + c);
      let at = <usize>first * bytes + c;
      for (let m = 0; m < count; m++, at += bytes) {
        const centred = f32x4.sub(v128.load(x + at), middle);
        const slope = f32x4.mul(v128.load(dx + at), gain);
        v128.store(dx + at, f32x4.add(f32x4.add(slope, f32x4.mul(centred, linear)), constant));
      }
    }
  }
  for (let i = 0; i < C; i++) {
    const at = <usize>(i << 2);
    f32.store(dShift + at, <f32>f64.load(sums + <usize>(i << 3)));
    f32.store(dScale + at, <f32>(f64.load(products + <usize>(i << 3)) * <f64>f32.load(inverse + at)));
  }
}
