import { describe, expect, it } from "vitest";
import { searchWarnings } from "../../src/track/search-warnings.js";

describe("warnings about a search", () => {
  it("say once that a policy settled early, and not that it settled late", () => {
    const early = searchWarnings(1000);
    expect(early(160, { "train/entropy": 0.05 })).toEqual([expect.stringContaining("settled after 16 %")]);
    expect(early(176, { "train/entropy": 0.04 })).toEqual([]);
    expect(searchWarnings(1000)(300, { "train/entropy": 0.05 })).toEqual([]);
    expect(searchWarnings(1000)(160, { "train/entropy": 0.9 })).toEqual([]);
  });

  it("notice five batches in a row without a spread of rewards", () => {
    const listen = searchWarnings(1000);
    const spreads = [0, 0, 1, 0, 0, 0, 0, 0, 0];
    const said = spreads.map((spread, i) => listen(16 * i, { "rollout/reward_std": spread }).length);
    expect(said).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 0]);
  });

  it("notice that nothing is feasible after 500 trials", () => {
    const listen = searchWarnings(2000);
    expect(listen(496, { "search/feasible_rate": 0 })).toEqual([]);
    expect(listen(512, { "search/feasible_rate": 0 })).toEqual([expect.stringContaining("after 512 trials")]);
    expect(searchWarnings(2000)(512, { "search/feasible_rate": 0.1 })).toEqual([]);
  });
});
