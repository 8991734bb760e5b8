// What a proxy throws when it has no answer for a design: the design is infeasible for the search, nothing is broken.
import type { Infeasible } from "../../src/core/trial.js";

export class NoEstimate extends Error {
  override readonly name = "NoEstimate";
  readonly infeasible: Infeasible;

  constructor(reason: string) {
    super(reason);
    this.infeasible = { code: "accuracy", reason, violations: [] };
  }
}
