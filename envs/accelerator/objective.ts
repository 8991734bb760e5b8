// What a mapping is best at.
export const OBJECTIVES = ["latency", "energy", "edp"] as const;
export type Objective = (typeof OBJECTIVES)[number];
