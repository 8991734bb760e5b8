import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loopMemory, padded, SOURCE_SHA256 } from "../../../../agents/policy/kernels/policy-loops-wasm.js";
import { SOURCE_SHA256 as CHANNEL_LOOPS_SHA256 } from "../../../../envs/accuracy/training/simd/channel-loops-wasm.js";
import { RandomStream } from "../../../../src/core/rng.js";

const root = join(import.meta.dirname, "../../../..");
const random = RandomStream.of(1, "loops");

describe("the compiled loops", () => {
  it.each([
    ["agents/policy/kernels/policy-loops.as", SOURCE_SHA256],
    ["envs/accuracy/training/simd/channel-loops.as", CHANNEL_LOOPS_SHA256],
  ])("of %s are those of the source that is there", (file, hash) => {
    expect(
      createHash("sha256")
        .update(readFileSync(join(root, file)))
        .digest("hex"),
    ).toBe(hash);
  });

  it.each([
    [1, 8, 1],
    [3, 16, 5],
    [4, 8, 7],
    [9, 24, 13],
  ])("multiply [%i, %i] with inner length %i, from rows or from columns, onto zeros or onto what is there", (M, N, K) => {
    const memory = loopMemory();
    const [a, b, c] = [memory.take(M * K), memory.take(K * N), memory.take(M * N)];
    for (const isTransposed of [false, true]) {
      for (const isAdded of [0, 1]) {
        const [left, right, out] = [memory.floats(a), memory.floats(b), memory.floats(c)];
        for (const values of [left, right, out]) values.set(values.map(() => random.normal()));
        const at = (m: number, k: number) => left[isTransposed ? k * M + m : m * K + k]!;
        const expected = [...out].map((before, i) => {
          const [m, n] = [Math.floor(i / N), i % N];
          let sum = isAdded * before;
          for (let k = 0; k < K; k++) sum += at(m, k) * right[k * N + n]!;
          return sum;
        });
        const strides = isTransposed ? [4, 4 * M] : [4 * K, 4];
        memory.loops.multiply(a.at, ...strides, b.at, 4 * N, c.at, 4 * N, M, N, K, isAdded);
        out.forEach((value, i) => {
          expect(value).toBeCloseTo(expected[i]!, 4);
        });
      }
    }
  });

  it("take and add rows of a table by their places", () => {
    const memory = loopMemory();
    const [table, places, rows] = [memory.take(3 * 8), memory.take(4), memory.take(4 * 8)];
    memory.floats(table).set(Array.from({ length: 24 }, (_, i) => i));
    memory.integers(places).set([2, 0, 2, 1]);
    memory.loops.takeRows(table.at, places.at, rows.at, 4, 8);
    expect([...memory.floats(rows)].filter((_, i) => i % 8 === 0)).toEqual([16, 0, 16, 8]);
    memory.loops.addRows(table.at, places.at, rows.at, 4, 8);
    expect([...memory.floats(table)].filter((_, i) => i % 8 === 0)).toEqual([0, 16, 48]); // 16 + 16 + 16: twice row 2
  });

  /** What an LSTM step lets through for one sum in all four gates, the cell before it 0. */
  function gatesOf(sums: readonly number[]) {
    const memory = loopMemory();
    const units = padded(sums.length);
    const gates = memory.take(4 * units);
    const [before, cell, tanhCell, hidden] = [units, units, units, units].map((size) => memory.take(size));
    for (let gate = 0; gate < 4; gate++) memory.floats(gates).set(sums, gate * units);
    memory.floats(before!).fill(0);
    memory.loops.lstmForward(gates.at, before!.at, cell!.at, tanhCell!.at, hidden!.at, 1, units);
    const block = (index: number) => memory.floats(gates).slice(index * units, index * units + sums.length);
    return { input: block(0), cellGate: block(2), hidden: memory.floats(hidden!).slice(0, sums.length) };
  }

  it("know the logistic function and tanh within 2e-7, far out too", () => {
    const sums = [...Array.from({ length: 400 }, (_, i) => (i - 200) / 8), -1e30, 1e30, -0, 1e-20];
    const { input, cellGate, hidden } = gatesOf(sums);
    sums.forEach((sum, i) => {
      const gate = 1 / (1 + Math.exp(-sum));
      expect(Math.abs(input[i]! - gate)).toBeLessThan(2e-7);
      expect(Math.abs(cellGate[i]! - Math.tanh(sum))).toBeLessThan(2e-7);
      expect(Math.abs(hidden[i]! - gate * Math.tanh(gate * Math.tanh(sum)))).toBeLessThan(5e-7);
    });
  });

  it("keep what is no number", () => {
    const { input, cellGate } = gatesOf([Number.NaN, 0]);
    expect([input[0], cellGate[0]]).toEqual([Number.NaN, Number.NaN]);
    expect([input[1], cellGate[1]]).toEqual([0.5, 0]);
  });

  it("have room for what is asked, again and again, without growing further", () => {
    const memory = loopMemory();
    const block = memory.take(1 << 20);
    memory.floats(block).fill(1);
    const bytes = memory.floats(block).buffer.byteLength;
    for (let i = 0; i < 10; i++) loopMemory().take(1 << 20);
    expect(loopMemory().floats(block).buffer.byteLength).toBe(bytes);
  });
});
