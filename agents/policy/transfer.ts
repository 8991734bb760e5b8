// Transfer of a trained policy to another space: the output biases, which carry what was learnt about each knob, are matched
// by the knob's name and its values. An ordered knob's logits are interpolated between the values that both have; a category
// without a counterpart starts at the mean of the others. The result is flattened, so that the new run can still explore.
import type { StateTree } from "../../src/core/agent.js";
import type { KnobValue } from "../../src/core/trial.js";
import { spaceOfState } from "../signature.js";
import { type Decision, type Layout, layoutOf } from "./layout.js";

/** What the logits are multiplied by: a policy that has settled would repeat its old answer. */
export const SHARPNESS = 0.5;

/** Logits of an earlier policy, by knob and in the order of its values. */
export interface LearntOutputs {
  readonly layout: Layout;
  /** per decision, shape [values] */
  readonly logits: readonly Float64Array[];
}

/** The logits that a saved policy-gradient agent gives each knob by itself; undefined when the state is another agent's. */
export function learntOutputs(state: StateTree | undefined): LearntOutputs | undefined {
  let fields = state as SavedAgent | null | undefined;
  while (fields?.inner !== undefined || fields?.first !== undefined) fields = fields.inner ?? fields.first;
  const space = spaceOfState(fields as StateTree | undefined);
  const index = fields?.optimiser?.names.indexOf("outputBiases") ?? -1;
  const biases = fields?.optimiser?.weights[index];
  if (space === undefined || biases === undefined) return undefined;
  const layout = layoutOf(space);
  if (biases.length !== layout.decisions.length * layout.width) return undefined;
  return { layout, logits: layout.decisions.map((decision, d) => logitsOf(decision, biases, d * layout.width)) };
}

/** Output biases for a layout, shape [decisions * width]; zero where the earlier policy knew nothing. */
export function adaptedOutputs(layout: Layout, learnt: LearntOutputs, sharpness = SHARPNESS): Float32Array {
  const outputs = new Float32Array(layout.decisions.length * layout.width);
  layout.decisions.forEach((decision, d) => {
    const from = learnt.layout.decisions.findIndex(({ name }) => name === decision.name);
    if (from < 0) return;
    const oldValues = learnt.layout.space.knobs[learnt.layout.decisions[from]!.position]!.values;
    const values = layout.space.knobs[decision.position]!.values;
    const known = oldValues.map((value, v) => ({ value, logit: learnt.logits[from]![v]! }));
    const logits = values.map((value) => sharpness * logitAt(value, known, decision.ordered));
    logits.forEach((logit, v) => {
      const step = decision.ordered ? (v === 0 ? 0 : (logit - logits[v - 1]!) / decision.outputScale) : logit;
      outputs[d * layout.width + v] = step;
    });
  });
  return outputs;
}

interface SavedAgent {
  readonly inner?: SavedAgent;
  readonly first?: SavedAgent;
  readonly optimiser?: { readonly names: readonly string[]; readonly weights: readonly Float32Array[] };
}

function logitsOf({ valueCount, ordered, outputScale }: Decision, biases: Float32Array, start: number): Float64Array {
  const logits = new Float64Array(valueCount);
  for (let v = 0; v < valueCount; v++) {
    if (!ordered) logits[v] = biases[start + v]!;
    else if (v > 0) logits[v] = logits[v - 1]! + outputScale * biases[start + v]!;
  }
  return logits;
}

interface Known {
  readonly value: KnobValue;
  readonly logit: number;
}

function logitAt(value: KnobValue, known: readonly Known[], ordered: boolean): number {
  const same = known.find((item) => item.value === value);
  if (same !== undefined) return same.logit;
  if (!ordered || typeof value !== "number") {
    return known.reduce((sum, { logit }) => sum + logit, 0) / Math.max(1, known.length);
  }
  const line = known.filter((item) => typeof item.value === "number") as { value: number; logit: number }[];
  const above = line.findIndex((item) => item.value > value);
  if (above === 0) return line[0]!.logit;
  if (above < 0) return line.at(-1)?.logit ?? 0;
  const [a, b] = [line[above - 1]!, line[above]!];
  return a.logit + ((value - a.value) / (b.value - a.value)) * (b.logit - a.logit);
}
