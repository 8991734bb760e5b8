// The sizing task: choose PE count and buffer level of each of ResNet-18's 20 layers so that total cycles are least while the
// total area stays within a share of its range. Cells were measured with MAESTRO (ShiDianNao-style dataflow) on the integer
// grid of ConfuciuX (Kao et al. 2020, arXiv:2009.02010); the file that holds them is given as an argument.
// Layers are independent but for the shared area, so dynamic programming over area gives the optimum.
import { Space } from "../src/core/space.js";
import type { Candidate, Trial } from "../src/core/trial.js";

const COARSE_PE_COUNTS = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128];
const AREA_STEPS = 40_000; // of the optimum's dynamic program; areas are rounded up, so what it finds is feasible

/** The file's content, as far as it is used: cells[shape][pe * buffers + buffer] = [cycles, energy, area, power]. */
export interface SizingData {
  readonly pe: readonly number[];
  readonly buf: readonly number[];
  /** layer -> shape */
  readonly index: readonly number[];
  readonly cells: readonly (readonly (readonly [number, number, number, number])[])[];
}

export interface SizingTask {
  readonly space: Space;
  /** least cycles within the area; exact but for areas rounded up by at most 1/40,000 of the limit per layer */
  readonly optimumCycles: number;
  /** most area of a feasible design, in the table's unit */
  readonly areaLimit: number;
  /** sums over the layers; not valid when the table has no cycles for one */
  cost(candidate: Candidate): { readonly cycles: number; readonly area: number; readonly isValid: boolean };
  evaluate(candidate: Candidate, trial: number): Trial;
}

/** The task. @param areaFraction limit between the smallest (0) and the largest (1) uniform design
 *  @param grid coarse: 12 PE counts; fine: all that the table has */
export function sizingTask(data: SizingData, areaFraction: number, grid: "coarse" | "fine" = "coarse"): SizingTask {
  const buffers = data.buf;
  const peCounts = grid === "fine" ? data.pe : COARSE_PE_COUNTS;
  const cell = (layer: number, pe: number, buffer: number) =>
    data.cells[data.index[layer]!]![data.pe.indexOf(pe) * buffers.length + buffers.indexOf(buffer)]!;
  const layers = data.index.map((_, layer) => layer);
  const total = (pe: number, buffer: number) => layers.reduce((sum, layer) => sum + cell(layer, pe, buffer)[2], 0);
  const corners = [peCounts[0]!, peCounts.at(-1)!].flatMap((pe) =>
    [buffers[0]!, buffers.at(-1)!].map((buffer) => total(pe, buffer)),
  );
  const least = Math.min(...corners);
  const limit = least + areaFraction * (Math.max(...corners) - least);
  const optimumCycles = leastCycles(
    layers.map((layer) =>
      peCounts
        .flatMap((pe) =>
          buffers.map((buffer) => ({ cycles: cell(layer, pe, buffer)[0], area: cell(layer, pe, buffer)[2] })),
        )
        .filter(({ cycles }) => cycles > 0),
    ),
    limit,
  );
  const cost = (candidate: Candidate) => {
    let cycles = 0;
    let area = 0;
    let isValid = true;
    for (const layer of layers) {
      const found = cell(
        layer,
        candidate[`accelerator/pes${layer}`] as number,
        candidate[`accelerator/buffer${layer}`] as number,
      );
      cycles += found[0];
      area += found[2];
      isValid &&= found[0] > 0; // a cell without cycles is a defect of the simulator
    }
    return { cycles, area, isValid };
  };
  const evaluate = (candidate: Candidate, trial: number): Trial => {
    const { cycles, area, isValid } = cost(candidate);
    if (!isValid) {
      return { trial, candidate, reward: -10, infeasible: { code: "shape", reason: "no cycles", violations: [] } };
    }
    const reward = -Math.log(cycles / optimumCycles);
    const metrics = { latencyCycles: cycles, areaOverLimit: area / limit };
    if (area <= limit) return { trial, candidate, metrics, reward };
    const violations = [{ subject: "areaOverLimit", needed: area / limit, available: 1, unit: "" }];
    const excess = area / limit - 1;
    const infeasible = { code: "limit", reason: "area", violations };
    return { trial, candidate, metrics, reward: reward - excess, infeasible };
  };
  const space = new Space({
    name: "sizing",
    knobs: layers.flatMap((layer) => [
      { name: `accelerator/pes${layer}`, values: peCounts },
      { name: `accelerator/buffer${layer}`, values: buffers },
    ]),
  });
  return { space, optimumCycles, areaLimit: limit, cost, evaluate };
}

interface Choice {
  readonly cycles: number;
  readonly area: number;
}

/** Least total cycles with one choice per layer and at most `limit` area in all. */
export function leastCycles(layers: readonly (readonly Choice[])[], limit: number): number {
  let best = new Float64Array(AREA_STEPS + 1).fill(Number.POSITIVE_INFINITY); // [area used] -> cycles
  best[0] = 0;
  for (const choices of layers) {
    const next = new Float64Array(AREA_STEPS + 1).fill(Number.POSITIVE_INFINITY);
    for (const { cycles, steps } of usefulChoices(choices, limit)) {
      for (let used = 0; used + steps <= AREA_STEPS; used++) {
        const sum = best[used]! + cycles;
        if (sum < next[used + steps]!) next[used + steps] = sum;
      }
    }
    best = next;
  }
  return Math.min(...best);
}

/** Those that no smaller choice beats. */
function usefulChoices(choices: readonly Choice[], limit: number): { cycles: number; steps: number }[] {
  const sized = choices
    .map(({ cycles, area }) => ({ cycles, steps: Math.ceil((area / limit) * AREA_STEPS) }))
    .sort((a, b) => a.steps - b.steps || a.cycles - b.cycles);
  let least = Number.POSITIVE_INFINITY;
  return sized.filter(({ cycles }) => {
    if (cycles >= least) return false;
    least = cycles;
    return true;
  });
}
