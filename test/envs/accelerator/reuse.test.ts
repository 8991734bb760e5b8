// The estimate of reuse, on pieces of work small enough to check by hand.
import { describe, expect, it } from "vitest";
import { I, O, W } from "../../../envs/accelerator/problem.js";
import { estimateReuse, newSetting } from "../../../envs/accelerator/reuse.js";
import { problem } from "./random-cases.js";

type Words = readonly [number, number, number];

/** Uses of a word by operand (weights, inputs, outputs). */
function reuse(stationary: number, given: { room: Words; most: Words; weight?: Words; window?: Partial<Window> }) {
  const setting = newSetting(problem("conv", {}).stride);
  setting.room.set(given.room);
  setting.most.set(given.most);
  setting.weight.set(given.weight ?? [1, 1, 1]);
  Object.assign(setting, given.window);
  const into = new Float64Array(3);
  estimateReuse(stationary, setting, into);
  return [...into];
}

interface Window {
  rows: number;
  columns: number;
  filterRows: number;
  filterColumns: number;
}

describe("the reuse of words in a tile", () => {
  it("splits the room of what stays between the other two", () => {
    // 64 weights stay: 8 output channels x 8 input channels use an input 8 times, a sum 8 times, a weight for every pixel
    expect(reuse(W, { room: [64, 100, 100], most: [196, 512, 512] })).toEqual([196, 8, 8]);
  });

  it("gives more to the operand that costs more to fetch", () => {
    // sums cost 4 times as much: 16 input channels beside 4 output channels
    expect(reuse(W, { room: [64, 100, 100], most: [196, 512, 512], weight: [1, 1, 4] })).toEqual([196, 4, 16]);
  });

  it("is held by the room of the others, and gives what one cannot take to the other", () => {
    // Eyeriss: 224 weights, but 12 inputs: 12 input channels, so 18.67 output channels, for which there is room
    const [, inputs, outputs] = reuse(W, { room: [224, 12, 24], most: [196, 512, 512] });
    expect(outputs).toBe(12);
    expect(inputs).toBeCloseTo(224 / 12, 9);
  });

  it("never exceeds what the work offers", () => {
    expect(reuse(O, { room: [1e6, 1e6, 1e6], most: [49, 32, 9] })).toEqual([49, 32, 9]);
    expect(reuse(I, { room: [1, 1, 1], most: [49, 32, 9] })).toEqual([1, 32, 1]);
  });

  it("counts the inputs that neighbouring outputs share", () => {
    // 3 taps of a row stay while they slide over 10 columns: 12 inputs for 30 products
    const window = { columns: 10, filterColumns: 3 };
    const [, inputs] = reuse(W, { room: [3, 3, 1], most: [10, 1, 3], window });
    expect(inputs).toBeCloseTo(30 / 12, 9);
    // stepping by 3 no input is shared
    const setting = { ...newSetting([3, 3]), ...window };
    setting.room.set([3, 3, 1]);
    setting.most.set([10, 1, 3]);
    const into = new Float64Array(3);
    estimateReuse(W, setting, into);
    expect(into[I]).toBe(1);
  });
});
