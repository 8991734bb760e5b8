// Rules of a space: combinations of knob values that are no points of it. What a rule forbids is never proposed, so no trial is
// spent on it; what only an evaluation can tell stays a matter of `Infeasible`.
//
//   { forbid: { dataflow: ["row"], peRows: [1, 2] } }         not together
//   { when: { dataflow: ["row"] }, require: { peRows: [4] } } where the first holds, the second has to
//   { product: ["peRows", "peCols"], atMost: 1024 }           and `sum`; `atLeast` too
//
// A knob that does not count breaks no rule, and counts as 1 in a product and 0 in a sum.
// Each rule is read knob by knob as a small automaton, so that a prefix tells what may follow (the masks in completion.ts).
import { CosearchError, suggestion } from "./errors.js";
import type { KnobValue } from "./trial.js";

/** Knob name -> values; holds where every named knob counts and has one of them. */
type Selection = Readonly<Record<string, readonly KnobValue[]>>;

interface Bounds {
  readonly atMost?: number;
  readonly atLeast?: number;
}

export type Rule =
  | { readonly forbid: Selection }
  | { readonly when?: Selection; readonly require: Selection }
  | ({ readonly product: readonly string[] } & Bounds)
  | ({ readonly sum: readonly string[] } & Bounds);

/** States of a rule that need no further look: nothing that follows can break it, or it is broken whatever follows. */
export const KEPT = Number.POSITIVE_INFINITY;
export const BROKEN = Number.NEGATIVE_INFINITY;

const SLACK = 1e-9; // relative: products of decimals

/** A rule as an automaton over the knobs that it names, in the space's order. */
export interface RuleReader {
  /** rising */
  readonly positions: readonly number[];
  readonly start: number;
  /** @param place index into `positions`  @param code -1 where the knob does not count
   *  @returns KEPT, BROKEN, or a state that later knobs decide; never the latter after the last one */
  next(state: number, place: number, code: number): number;
  /** the rule in one line, for messages */
  readonly text: string;
}

interface NamedKnob {
  readonly name: string;
  readonly values: readonly KnobValue[];
}

/** @throws CosearchError SPACE_BAD_RULE with the near miss */
export function readRule(rule: Rule, knobs: readonly NamedKnob[]): RuleReader[] {
  const text = JSON.stringify(rule);
  const bad = (what: string) => new CosearchError("SPACE_BAD_RULE", `rule ${text} ${what}`);
  const positionOf = (name: string): number => {
    const position = knobs.findIndex((knob) => knob.name === name);
    if (position >= 0) return position;
    const near = suggestion(
      name,
      knobs.map((knob) => knob.name),
    );
    throw bad(`names "${name}", which is no knob${near}`);
  };
  /** Codes of the listed values; a value that the knob does not have (any more: a study may have fixed it) is left out. */
  const codesOf = (position: number, values: readonly KnobValue[]) =>
    new Set(values.map((value) => knobs[position]!.values.indexOf(value)).filter((code) => code >= 0));
  const selected = (selection: Selection) =>
    new Map(Object.entries(selection).map(([name, values]) => [positionOf(name), codesOf(positionOf(name), values)]));

  if ("forbid" in rule) {
    if (Object.keys(rule.forbid).length === 0) throw bad("names no knob");
    return [forbidReader(selected(rule.forbid), text)];
  }
  if ("require" in rule) {
    const when = selected(rule.when ?? {});
    if (Object.keys(rule.require).length === 0) throw bad("requires nothing");
    return [...selected(rule.require)].map(([position, wanted]) => {
      if (when.has(position)) throw bad(`has "${knobs[position]!.name}" on both sides`);
      const others = knobs[position]!.values.map((_, code) => code).filter((code) => !wanted.has(code));
      return forbidReader(new Map([...when, [position, new Set(others)]]), text);
    });
  }
  const isProduct = "product" in rule;
  const positions = (isProduct ? rule.product : rule.sum).map(positionOf).sort((a, b) => a - b);
  if (positions.length === 0 || new Set(positions).size < positions.length) throw bad("names no knob, or one twice");
  const { atMost, atLeast } = rule;
  if (atMost === undefined && atLeast === undefined) throw bad("has neither atMost nor atLeast");
  const numbers = positions.map((position) =>
    knobs[position]!.values.map((value) => {
      if (typeof value === "number" && (!isProduct || value > 0)) return value;
      throw bad(`needs ${isProduct ? "positive " : ""}numbers, and "${knobs[position]!.name}" can be ${value}`);
    }),
  );
  return [totalReader(positions, numbers, isProduct, rule, text)];
}

/** State 0: all knobs so far have a forbidden value. */
function forbidReader(selection: ReadonlyMap<number, ReadonlySet<number>>, text: string): RuleReader {
  const positions = [...selection.keys()].sort((a, b) => a - b);
  return {
    positions,
    start: 0,
    next(_state, place, code) {
      if (!selection.get(positions[place]!)!.has(code)) return KEPT;
      return place === positions.length - 1 ? BROKEN : 0;
    },
    text,
  };
}

/** State: the total so far; KEPT or BROKEN as soon as the least and the most that can follow decide. */
function totalReader(
  positions: readonly number[],
  numbers: readonly (readonly number[])[],
  isProduct: boolean,
  { atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY }: Bounds,
  text: string,
): RuleReader {
  const neutral = isProduct ? 1 : 0;
  const joined = (a: number, b: number) => (isProduct ? a * b : a + b);
  const least = new Float64Array(positions.length + 1).fill(neutral);
  const most = new Float64Array(positions.length + 1).fill(neutral);
  for (let place = positions.length - 1; place >= 0; place--) {
    // a knob may also not count
    least[place] = joined(least[place + 1]!, Math.min(neutral, ...numbers[place]!));
    most[place] = joined(most[place + 1]!, Math.max(neutral, ...numbers[place]!));
  }
  const verdict = (total: number, rest: number): number => {
    const [low, high] = [joined(total, least[rest]!), joined(total, most[rest]!)];
    const above = (value: number, bound: number) => value - bound > SLACK * Math.abs(bound);
    if (above(low, atMost) || above(atLeast, high)) return BROKEN;
    return above(high, atMost) || above(atLeast, low) ? total : KEPT;
  };
  return {
    positions,
    start: verdict(neutral, 0),
    next(state, place, code) {
      return verdict(code < 0 ? state : joined(state, numbers[place]![code]!), place + 1);
    },
    text,
  };
}

/** A rule over the knobs of a group, as a rule over their prefixed names. */
export function prefixedRule(rule: Rule, group: string): Rule {
  const names = (list: readonly string[]) => list.map((name) => `${group}/${name}`);
  if ("forbid" in rule) return { forbid: prefixedKeys(rule.forbid, group) };
  if ("require" in rule) {
    return { ...(rule.when && { when: prefixedKeys(rule.when, group) }), require: prefixedKeys(rule.require, group) };
  }
  return "product" in rule ? { ...rule, product: names(rule.product) } : { ...rule, sum: names(rule.sum) };
}

export const prefixedKeys = (selection: Selection, group: string): Selection =>
  Object.fromEntries(Object.entries(selection).map(([name, values]) => [`${group}/${name}`, values]));
