// How a space looks to a policy: its decisions in order, how many values each has, and what an earlier choice tells a later one.
// A knob with one value is no decision. An inactive knob takes part in nothing: features zero, log-probability and entropy zero.
import type { Space } from "../../src/core/space.js";

// An ordered knob's logits are sums over its steps, so one optimiser step moves the ends of a long knob by the sum of many
// small moves. Beyond this many steps the outputs are scaled down, else a knob of 128 levels collapses (measured).
const FULL_SCALE_STEPS = 16;

/** One decision of a space. */
export interface Decision {
  /** position of the knob in the space */
  readonly position: number;
  readonly name: string;
  readonly valueCount: number;
  readonly ordered: boolean;
  /** what its outputs are multiplied by before they become logits */
  readonly outputScale: number;
  /** index into `groups`, -1 for a knob without a prefix */
  readonly group: number;
  /** where its input features begin, and how many there are */
  readonly featureStart: number;
  readonly featureCount: number;
}

/** The decisions of a space and the shape of their tensors. */
export interface Layout {
  readonly space: Space;
  readonly decisions: readonly Decision[];
  /** prefixes of the knob names, in order of first use */
  readonly groups: readonly string[];
  /** most values that a decision has; the tensors are padded to it */
  readonly width: number;
  readonly featureCount: number;
}

/** An ordered knob has two features (that it counts, and its level from -1 to 1), a category one per value. */
export function layoutOf(space: Space): Layout {
  const groups: string[] = [];
  let featureCount = 0;
  const decisions = space.decisions.map((position): Decision => {
    const knob = space.knobs[position]!;
    const slash = knob.name.indexOf("/");
    const prefix = slash < 0 ? undefined : knob.name.slice(0, slash);
    if (prefix !== undefined && !groups.includes(prefix)) groups.push(prefix);
    const size = knob.ordered ? 2 : knob.values.length;
    const decision: Decision = {
      position,
      name: knob.name,
      valueCount: knob.values.length,
      ordered: knob.ordered,
      outputScale: knob.ordered ? Math.min(1, FULL_SCALE_STEPS / (knob.values.length - 1)) : 1,
      group: prefix === undefined ? -1 : groups.indexOf(prefix),
      featureStart: featureCount,
      featureCount: size,
    };
    featureCount += size;
    return decision;
  });
  const width = decisions.reduce((most, decision) => Math.max(most, decision.valueCount), 1);
  return { space, decisions, groups, width, featureCount };
}
