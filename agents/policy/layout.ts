// How a space looks to a policy: its decisions in order, how many values each has, and what an earlier choice tells a later one.
// A knob with one value is no decision. An inactive knob takes part in nothing: features zero, log-probability and entropy zero.
import { INACTIVE, type Space } from "../../src/core/space.js";

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

/** Writes the features of one choice at `offset`; nothing for a knob that does not count. */
export function writeFeatures(decision: Decision, code: number, into: Float32Array | Float64Array, offset = 0): void {
  if (code === INACTIVE) return;
  const start = offset + decision.featureStart;
  if (decision.ordered) {
    into[start] = 1;
    into[start + 1] = (2 * code) / (decision.valueCount - 1) - 1;
  } else into[start + code] = 1;
}

/** Added to the logit of a value that rules forbid: no softmax lets it through. */
const FORBIDDEN_LOGIT = -1e9;

export interface EncodedBatch {
  readonly features: Float32Array;
  readonly oneHot: Float32Array;
  readonly active: Float32Array;
  readonly forbidden?: Float32Array;
}

/** Codes as plain arrays for the tensors.
 *  @returns features [count, featureCount], oneHot [count * decisions, width], active [count, decisions], and where the space
 *  has rules what is added to the logits, [count * decisions, width]: FORBIDDEN_LOGIT for values that may not follow */
export function encodeBatch(layout: Layout, batch: readonly ArrayLike<number>[]): EncodedBatch {
  const { decisions, width, featureCount } = layout;
  const features = new Float32Array(batch.length * featureCount);
  const oneHot = new Float32Array(batch.length * decisions.length * width);
  const active = new Float32Array(batch.length * decisions.length);
  const forbidden = layout.space.hasRules ? new Float32Array(oneHot.length) : undefined;
  batch.forEach((codes, row) => {
    decisions.forEach((decision, d) => {
      const code = codes[decision.position]!;
      if (code === INACTIVE) return;
      const cell = row * decisions.length + d;
      active[cell] = 1;
      oneHot[cell * width + code] = 1;
      writeFeatures(decision, code, features, row * featureCount);
      const mask = forbidden && layout.space.mask(decision.position, codes);
      mask?.forEach((allowed, v) => {
        if (allowed === 0) forbidden![cell * width + v] = FORBIDDEN_LOGIT;
      });
    });
  });
  return { features, oneHot, active, ...(forbidden && { forbidden }) };
}
