// What the page shows of a design adds up: bars by level and by cause are the layer's own energy and latency.
import { describe, expect, it } from "vitest";
import { candidateView, referenceView } from "../../experiments/design-view.js";
import { environmentOf, resolveStudy } from "../../experiments/resolve-study.js";
import { loadStudy, parseStudy } from "../../experiments/study-file.js";
import { RandomStream } from "../../src/core/rng.js";

type View = Exclude<Awaited<ReturnType<typeof referenceView>>, { infeasible: string }>;

/** Sums over the parts of each layer, against what the layer itself says. */
function checkSums(view: View): void {
  expect(view.layers.length).toBeGreaterThan(10);
  for (const layer of view.layers) {
    const energy = Object.values(layer.energy).reduce((sum, pj) => sum + pj, 0);
    expect(Math.abs(energy / layer.energyPj - 1), `${layer.id}: energy`).toBeLessThan(1e-9);
    const cycles = Object.values(layer.latencyParts).reduce((sum, part) => sum + part, 0);
    // latency is rounded up to whole cycles, for each tile of a fused layer anew
    expect(layer.latencyCycles, layer.id).toBeGreaterThanOrEqual(cycles - 1e-6 * cycles);
    expect(layer.latencyCycles - cycles, layer.id).toBeLessThanOrEqual(Math.max(1, 0.01 * cycles));
  }
  const energyPj = view.layers.reduce((sum, layer) => sum + layer.energyPj, 0);
  expect(energyPj / 1e9 / view.energyMillijoules).toBeCloseTo(1, 9);
  const latencyCycles = view.layers.reduce((sum, layer) => sum + layer.latencyCycles, 0);
  expect(latencyCycles / view.latencyCycles).toBeCloseTo(1, 9);
}

const designed = (view: Awaited<ReturnType<typeof referenceView>>): View => {
  if ("infeasible" in view) throw new Error(view.infeasible);
  return view;
};

describe("the parts of a design", () => {
  it.each(["nahas-edge", "eyeriss", "gemmini"])("add up on %s", async (accelerator) => {
    const text = JSON.stringify({ name: "x", reference: { network: "mobilenet-v2", accelerator } });
    checkSums(designed(await referenceView(resolveStudy(parseStudy(text, "x")))));
  });

  it("name the network's energy where a level states what a hop costs", async () => {
    const study = resolveStudy(parseStudy(JSON.stringify({ name: "x", reference: { accelerator: "eyeriss" } }), "x"));
    const { accelerator } = study.reference;
    const levels = accelerator.levels.map((level, l) => (l === 0 ? level : { ...level, hopPjPerBit: 0.2 }));
    const hopping = { ...study, reference: { ...study.reference, accelerator: { ...accelerator, levels } } };
    const view = designed(await referenceView(hopping as typeof study));
    checkSums(view);
    expect(view.layers.some(({ energy }) => (energy.network ?? 0) > 0)).toBe(true);
  });

  it("add up for candidates of the default study, whatever their fusion", async () => {
    const study = resolveStudy(loadStudy("edge-joint"));
    const space = environmentOf(study).space.fix(study.fix);
    const random = RandomStream.of(3, "designs");
    let shown = 0;
    for (let attempt = 0; attempt < 60 && shown < 3; attempt++) {
      const view = await candidateView(study, space.decode(space.sample(random)));
      if ("infeasible" in view) continue;
      checkSums(view);
      shown++;
    }
    expect(shown).toBe(3);
  });
});
