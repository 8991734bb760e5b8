// A group of layers is shown as a group, and its layers' parts still add up.
import { describe, expect, it } from "vitest";
import { referenceView } from "../../experiments/design-view.js";
import { resolveStudy } from "../../experiments/resolve-study.js";
import { parseStudy } from "../../experiments/study-file.js";

const viewOf = async (hopPjPerBit: number) => {
  const text = JSON.stringify({
    name: "x",
    mapper: { budget: 4 },
    reference: { network: "mobilenet-v2", accelerator: "eyeriss", deployment: { fusion: "depth-first", batch: 2 } },
  });
  const study = resolveStudy(parseStudy(text, "x"));
  const { accelerator } = study.reference;
  const levels = accelerator.levels.map((level, l) => (l === 0 ? { ...level, hopPjPerBit } : level));
  const reference = { ...study.reference, accelerator: { ...accelerator, leakageMw: 5, levels } };
  const view = await referenceView({ ...study, reference } as typeof study);
  if ("infeasible" in view) throw new Error(view.infeasible);
  return view;
};

describe("a design with groups", () => {
  it.each([0, 0.3])("names its groups, and adds up (%d pJ a hop)", async (hopPjPerBit) => {
    const view = await viewOf(hopPjPerBit);
    const { groups, layers } = view;
    expect(groups.length).toBeGreaterThan(3);
    groups.forEach(({ layers: names, latencyCycles, dramBytes, energyPj }, g) => {
      const members = layers.filter(({ group }) => group === g);
      expect(members.map(({ id }) => id)).toEqual(names);
      expect(members.reduce((sum, layer) => sum + layer.latencyCycles, 0)).toBe(latencyCycles);
      expect(members.reduce((sum, layer) => sum + layer.dramBytes, 0)).toBe(dramBytes);
      expect(members.reduce((sum, layer) => sum + layer.energyPj, 0) / energyPj).toBeCloseTo(1, 9);
    });
    expect(layers.filter(({ group }) => group === undefined).length).toBeGreaterThan(0);
    for (const layer of view.layers) {
      const parts = Object.values(layer.energy).reduce((sum, pj) => sum + pj, 0);
      expect(parts / layer.energyPj, layer.id).toBeCloseTo(1, 9);
    }
    // what a group loads passes the hops between DRAM and the buffer
    const hops = view.layers.filter(({ group, energy }) => group !== undefined && (energy.network ?? 0) > 0);
    expect(hops.length > 0).toBe(hopPjPerBit > 0);
    expect(view.layers.reduce((sum, { latencyCycles }) => sum + latencyCycles, 0)).toBe(view.latencyCycles);
    expect(view.layers.reduce((sum, { energyPj }) => sum + energyPj, 0) / 1e9 / view.energyMillijoules).toBeCloseTo(
      1,
      9,
    );
    expect(view.latencyPerImageMs).toBeCloseTo(view.latencyMs / 2, 12);
  });
});
