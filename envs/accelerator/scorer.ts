// Scores mappings exactly, keeps the best and counts them: what a search of mappings has to spend.
import type { CostModel } from "./cost.js";
import { copyMapping, type Mapping } from "./mapping.js";
import type { Objective } from "./objective.js";
import type { Problem } from "./problem.js";

export class Scorer {
  readonly problem: Problem;
  readonly model: CostModel;
  readonly objective: Objective;
  best: Mapping | undefined;
  bestScore = Infinity;
  /** mappings costed exactly so far */
  evaluated = 0;
  /** of the budget under way */
  left = 0;

  constructor(problem: Problem, model: CostModel, objective: Objective) {
    this.problem = problem;
    this.model = model;
    this.objective = objective;
  }

  /** Lower is better; Infinity when the mapping does not fit, which costs nothing of the budget. */
  score(mapping: Mapping): number {
    const { model } = this;
    model.prepare(this.problem, mapping);
    if (!model.fits()) return Infinity;
    this.left--;
    this.evaluated++;
    model.evaluatePrepared();
    const score = figure(model, this.objective);
    if (score < this.bestScore) {
      this.bestScore = score;
      if (this.best === undefined) this.best = copyMapping(mapping);
      else {
        this.best.temporal.set(mapping.temporal);
        this.best.spatial.set(mapping.spatial);
        this.best.order.set(mapping.order);
      }
    }
    return score;
  }

  fits(mapping: Mapping): boolean {
    this.model.prepare(this.problem, mapping);
    return this.model.fits();
  }
}

/** Of equal latencies the one with less energy is better: its share is below half a cycle. */
function figure(model: CostModel, objective: Objective): number {
  switch (objective) {
    case "latency":
      return model.latencyCycles + (model.energyPj / (1 + model.energyPj)) * 0.5;
    case "energy":
      return model.energyPj;
    case "edp":
      return model.energyPj * model.latencyCycles;
  }
}
