import { describe, expect, it } from "vitest";
import { leastCycles, type SizingData, sizingTask } from "../../experiments/sizing-task.js";

/** One shape, two layers of it; cycles 1200 / (PE count * buffer), area PE count + buffer. */
const PE_COUNTS = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128];
const BUFFERS = [1, 2];
const data: SizingData = {
  pe: PE_COUNTS,
  buf: BUFFERS,
  index: [0, 0],
  cells: [PE_COUNTS.flatMap((pe) => BUFFERS.map((b) => [1200 / (pe * b), 0, pe + b, 0] as const))],
};

describe("the sizing task", () => {
  it("limits the area between the smallest and the largest uniform design", () => {
    // 2 layers: smallest 2 * (1 + 1) = 4, largest 2 * (128 + 2) = 260; a tenth of the way: 29.6
    const { space, evaluate } = sizingTask(data, 0.1);
    const design = (pe: number) => ({
      "accelerator/pes0": pe,
      "accelerator/buffer0": 2,
      "accelerator/pes1": 8,
      "accelerator/buffer1": 2,
    });
    expect(space.size()).toBe(24n * 24n);
    expect(evaluate(design(16), 0).infeasible).toBeUndefined(); // 18 + 10 = 28
    expect(evaluate(design(24), 0).infeasible?.violations).toEqual([
      { subject: "areaOverLimit", needed: 36 / 29.6, available: 1, unit: "" },
    ]);
  });

  it("knows its optimum: 12 PEs with 2 buffers twice, area 28, 50 cycles each", () => {
    const { space, evaluate, optimumCycles } = sizingTask(data, 0.1);
    expect(optimumCycles).toBeCloseTo(100, 9);
    const rewards = [...space.enumerate()]
      .map((codes) => evaluate(space.decode(codes), 0))
      .filter((trial) => trial.infeasible === undefined)
      .map((trial) => trial.reward);
    expect(Math.max(...rewards)).toBeCloseTo(0, 9); // -ln(cycles / optimum)
  });

  it("adds up independent layers: (3 + 4 cycles with area 5 + 5) beats (9 + 1 with 1 + 9)", () => {
    const layers = [
      [
        { cycles: 9, area: 1 },
        { cycles: 3, area: 5 },
      ],
      [
        { cycles: 4, area: 5 },
        { cycles: 1, area: 9 },
      ],
    ];
    expect(leastCycles(layers, 10)).toBe(7);
    expect(leastCycles(layers, 14.01)).toBe(4); // areas are rounded up, so exactly 14 is not enough
    expect(leastCycles(layers, 5)).toBe(Number.POSITIVE_INFINITY);
  });
});
