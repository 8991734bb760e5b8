// A search space: an ordered list of knobs, each with its ordered values; some count only under a condition on earlier knobs.
// A point is a candidate (name -> value, active knobs only) or, for agents, a code: one index per knob, -1 where inactive.
// Rules can forbid combinations; those are no points (rules.ts).
import { Completion } from "./completion.js";
import { CosearchError, suggestion } from "./errors.js";
import type { RandomStream } from "./rng.js";
import { BROKEN, prefixedKeys, prefixedRule, type Rule, readRule } from "./rules.js";
import type { Candidate, KnobValue } from "./trial.js";

/** A knob counts only where every named earlier knob is itself active and has one of these values. */
export type Condition = Readonly<Record<string, readonly KnobValue[]>>;

/** One decision. */
export interface Knob {
  /** unique; `network/`, `accelerator/` and `deployment/` prefix the groups */
  readonly name: string;
  /** in order, smallest to largest where the knob is ordered */
  readonly values: readonly KnobValue[];
  /** true when neighbouring values are alike (sizes, counts, bits), false for categories; default: all values numeric */
  readonly ordered?: boolean;
  readonly when?: Condition;
  readonly unit?: string;
  /** where the values come from */
  readonly source?: string;
}

/** A space as it is written in a file. */
export interface SpaceData {
  readonly name: string;
  readonly source?: string;
  readonly knobs: readonly Knob[];
  /** combinations that are no points */
  readonly rules?: readonly Rule[];
}

export const INACTIVE = -1;

interface Parent {
  readonly index: number;
  readonly allowed: ReadonlySet<number>;
}

/** An immutable search space. */
export class Space {
  readonly name: string;
  readonly knobs: readonly Required<Pick<Knob, "name" | "values" | "ordered">>[];
  /** positions of the knobs that leave a choice */
  readonly decisions: readonly number[];
  readonly #data: SpaceData;
  readonly #index: ReadonlyMap<string, number>;
  readonly #parents: readonly (readonly Parent[])[];
  /** undefined: no rules, everything may follow */
  readonly #completion: Completion | undefined;

  /** @throws CosearchError SPACE_BAD_KNOB, SPACE_BAD_RULE (also when the rules leave no point) */
  constructor(data: SpaceData) {
    this.name = data.name;
    this.#data = data;
    const index = new Map<string, number>();
    const parents: Parent[][] = [];
    this.knobs = data.knobs.map((knob, position) => {
      checkKnob(knob, index);
      parents.push(
        Object.entries(knob.when ?? {}).map(([name, values]) => parentOf(data.knobs, index, knob, name, values)),
      );
      index.set(knob.name, position);
      return {
        name: knob.name,
        values: knob.values,
        ordered: knob.ordered ?? knob.values.every((value) => typeof value === "number"),
      };
    });
    this.decisions = this.knobs.flatMap((knob, i) => (knob.values.length > 1 ? [i] : []));
    this.#index = index;
    this.#parents = parents;
    const rules = (data.rules ?? []).flatMap((rule) => readRule(rule, data.knobs));
    if (rules.length === 0) return;
    this.#completion = new Completion(
      {
        valueCounts: this.knobs.map(({ values }) => values.length),
        parents: parents.map((list) => list.map(({ index: parent }) => parent)),
        isActive: (position, codes) => this.isActive(position, codes),
      },
      rules,
    );
    if (!this.#completion.isCompletable(0, new Int32Array(this.length).fill(INACTIVE))) {
      throw new CosearchError("SPACE_BAD_RULE", `the rules of space ${this.name} leave no point`);
    }
  }

  get length(): number {
    return this.knobs.length;
  }

  /** @throws CosearchError SPACE_UNKNOWN_KNOB with the near miss */
  indexOf(name: string): number {
    const index = this.#index.get(name);
    if (index === undefined) {
      throw new CosearchError(
        "SPACE_UNKNOWN_KNOB",
        `"${name}" is not a knob of space ${this.name}${suggestion(name, [...this.#index.keys()])}`,
      );
    }
    return index;
  }

  has(name: string): boolean {
    return this.#index.has(name);
  }

  /** Whether knob `position` counts, given the codes of the knobs before it. */
  isActive(position: number, codes: ArrayLike<number>): boolean {
    const parents = this.#parents[position]!;
    for (const parent of parents) if (!parent.allowed.has(codes[parent.index]!)) return false;
    return true;
  }

  /** True when rules forbid some combinations. */
  get hasRules(): boolean {
    return this.#completion !== undefined;
  }

  /** Which values the active knob `position` may take, given the codes of the knobs before it, so that a point that keeps the
   *  rules can still be reached: 1 or 0 per value, at least one 1; null when all may. */
  mask(position: number, codes: ArrayLike<number>): Uint8Array | null {
    return this.#completion?.mask(position, codes) ?? null;
  }

  /** The value of the active knob `position` nearest to `code` that may follow the codes before it: for an ordered knob the
   *  nearest level (the lower of two), for a category the next one. */
  nearestAllowed(position: number, code: number, codes: ArrayLike<number>): number {
    const mask = this.mask(position, codes);
    if (mask === null || mask[code] === 1) return code;
    const { values, ordered } = this.knobs[position]!;
    for (let step = 1; step < values.length; step++) {
      if (!ordered && mask[(code + step) % values.length] === 1) return (code + step) % values.length;
      if (ordered && mask[code - step] === 1) return code - step;
      if (ordered && mask[code + step] === 1) return code + step;
    }
    throw this.#notAPoint(`no value of "${this.knobs[position]!.name}" may follow what is before it`);
  }

  /** True when some knob has a condition. */
  get isConditional(): boolean {
    return this.#parents.some((parents) => parents.length > 0);
  }

  /** Exact number of points. Sums over the values of condition parents, remembering what later knobs still ask about; with
   *  rules, over the values of their knobs too, so that it takes as many steps as the rules have states. */
  size(): bigint {
    const completion = this.#completion;
    const ruled = new Set(completion === undefined ? [] : completion.positions);
    const lastUse = new Int32Array(this.length).fill(-1);
    this.#parents.forEach((parents, child) => {
      for (const parent of parents) lastUse[parent.index] = child;
    });
    const memo = new Map<string, bigint>();
    const codes = new Int32Array(this.length).fill(INACTIVE);
    const count = (position: number, states: Float64Array | undefined): bigint => {
      if (states?.includes(BROKEN)) return 0n;
      if (position === this.length) return 1n;
      const after = (code: number): Float64Array | undefined => {
        if (states === undefined || !ruled.has(position)) return states;
        const next = states.slice();
        completion!.advance(next, position, code);
        return next;
      };
      const live: number[] = [];
      for (let i = 0; i < position; i++) if (lastUse[i]! >= position) live.push(codes[i]!);
      const key = `${position}:${live.join(",")}:${states?.join() ?? ""}`;
      const known = memo.get(key);
      if (known !== undefined) return known;
      let total = 0n;
      if (!this.isActive(position, codes)) {
        codes[position] = INACTIVE;
        total = count(position + 1, after(INACTIVE));
      } else if (lastUse[position]! < 0 && !ruled.has(position)) {
        codes[position] = 0;
        total = BigInt(this.knobs[position]!.values.length) * count(position + 1, states);
      } else {
        for (let value = 0; value < this.knobs[position]!.values.length; value++) {
          codes[position] = value;
          total += count(position + 1, after(value));
        }
      }
      codes[position] = INACTIVE;
      memo.set(key, total);
      return total;
    };
    return count(0, completion?.start());
  }

  /** Each active knob drawn uniformly among the values that may follow, in order. */
  sample(random: RandomStream): Int32Array {
    const codes = new Int32Array(this.length);
    for (let i = 0; i < this.length; i++) {
      codes[i] = this.isActive(i, codes) ? this.drawAllowed(i, codes, random) : INACTIVE;
    }
    return codes;
  }

  /** A value of the active knob `position`, uniform among those that may follow; no draw where there is one value only. */
  drawAllowed(position: number, codes: ArrayLike<number>, random: RandomStream): number {
    const count = this.knobs[position]!.values.length;
    const mask = this.mask(position, codes);
    if (mask === null) return count === 1 ? 0 : random.integer(count);
    let rest = random.integer(mask.reduce((sum, allowed) => sum + allowed, 0));
    return mask.findIndex((allowed) => allowed === 1 && rest-- === 0);
  }

  /** @throws CosearchError SPACE_UNKNOWN_KNOB, SPACE_BAD_VALUE, SPACE_NOT_A_POINT */
  encode(candidate: Candidate): Int32Array {
    for (const name of Object.keys(candidate)) this.indexOf(name);
    const codes = new Int32Array(this.length);
    this.knobs.forEach((knob, i) => {
      const value = candidate[knob.name];
      if (!this.isActive(i, codes)) {
        if (value !== undefined) throw this.#notAPoint(`"${knob.name}" does not count here but is set to ${value}`);
        codes[i] = INACTIVE;
      } else {
        if (value === undefined) throw this.#notAPoint(`"${knob.name}" is missing`);
        codes[i] = this.valueIndex(knob.name, value);
      }
    });
    this.#checkRules(codes);
    return codes;
  }

  /** @throws CosearchError SPACE_NOT_A_POINT */
  decode(codes: ArrayLike<number>): Candidate {
    if (codes.length !== this.length) throw this.#notAPoint(`${codes.length} codes for ${this.length} knobs`);
    const candidate: Record<string, KnobValue> = {};
    for (let i = 0; i < this.length; i++) {
      const knob = this.knobs[i]!;
      const code = codes[i]!;
      if (this.isActive(i, codes) !== (code !== INACTIVE)) {
        throw this.#notAPoint(`"${knob.name}" has code ${code} but ${code === INACTIVE ? "counts" : "does not count"}`);
      }
      if (code === INACTIVE) continue;
      const value = knob.values[code];
      if (value === undefined) throw this.#notAPoint(`"${knob.name}" has no value number ${code}`);
      candidate[knob.name] = value;
    }
    this.#checkRules(codes);
    return candidate;
  }

  #checkRules(codes: ArrayLike<number>): void {
    const broken = this.#completion?.broken(codes);
    if (broken !== undefined) throw this.#notAPoint(`it breaks the rule ${broken.text}`);
  }

  contains(candidate: Candidate): boolean {
    try {
      this.encode(candidate);
      return true;
    } catch (error) {
      if (error instanceof CosearchError) return false;
      throw error;
    }
  }

  /** Position of a value in a knob's list. @throws CosearchError SPACE_BAD_VALUE naming what is allowed */
  valueIndex(name: string, value: KnobValue): number {
    const knob = this.knobs[this.indexOf(name)]!;
    const position = knob.values.indexOf(value);
    if (position < 0) {
      throw new CosearchError(
        "SPACE_BAD_VALUE",
        `"${name}" cannot be ${JSON.stringify(value)}; allowed: ${knob.values.map((v) => JSON.stringify(v)).join(", ")}`,
      );
    }
    return position;
  }

  /** A text that is the same for two codes exactly when they are the same point. */
  key(codes: ArrayLike<number>): string {
    return Array.prototype.join.call(codes, ",");
  }

  /** Every point, last knob fastest. @throws CosearchError SPACE_TOO_LARGE above `limit` points */
  *enumerate(limit = 1_000_000): Generator<Int32Array> {
    const size = this.size();
    if (size > BigInt(limit)) {
      throw new CosearchError("SPACE_TOO_LARGE", `space ${this.name} has ${size} points; the limit is ${limit}`);
    }
    yield* this.#extend(new Int32Array(this.length), 0);
  }

  *#extend(codes: Int32Array, position: number): Generator<Int32Array> {
    if (position === this.length) {
      yield codes.slice();
      return;
    }
    if (!this.isActive(position, codes)) {
      codes[position] = INACTIVE;
      yield* this.#extend(codes, position + 1);
      return;
    }
    const mask = this.mask(position, codes);
    for (let value = 0; value < this.knobs[position]!.values.length; value++) {
      if (mask?.[value] === 0) continue;
      codes[position] = value;
      yield* this.#extend(codes, position + 1);
    }
  }

  /** Points one step away: the next lower or higher value of an ordered knob, any other value of a category.
   *  Later knobs follow as in `repaired`; steps that rules forbid are left out. */
  neighbours(codes: ArrayLike<number>): Int32Array[] {
    const found: Int32Array[] = [];
    this.knobs.forEach((knob, i) => {
      const code = codes[i]!;
      if (code === INACTIVE) return;
      const steps = knob.ordered
        ? [code - 1, code + 1].filter((v) => v >= 0 && v < knob.values.length)
        : knob.values.map((_, v) => v).filter((v) => v !== code);
      const mask = this.mask(i, codes);
      for (const step of steps) if (mask === null || mask[step] === 1) found.push(this.repaired(codes, i, step));
    });
    return found;
  }

  /** The point with knob `position` at `value`, where later conditions are followed: knobs that stop to count are dropped,
   *  knobs that start to count take their first value, and what rules forbid (`value` too) the nearest that may be. */
  repaired(codes: ArrayLike<number>, position: number, value: number): Int32Array {
    const next = Int32Array.from(codes as ArrayLike<number>);
    next[position] = value;
    if (this.hasRules) next[position] = this.nearestAllowed(position, value, next);
    for (let i = position + 1; i < this.length; i++) {
      if (!this.isActive(i, next)) next[i] = INACTIVE;
      else if (next[i] === INACTIVE) next[i] = this.nearestAllowed(i, 0, next);
      else if (this.hasRules) next[i] = this.nearestAllowed(i, next[i]!, next);
    }
    return next;
  }

  /** The space with some knobs frozen. @throws CosearchError SPACE_UNKNOWN_KNOB, SPACE_BAD_VALUE, naming `where` */
  fix(assignments: Readonly<Record<string, KnobValue>>, where = "fix"): Space {
    for (const [name, value] of Object.entries(assignments)) {
      try {
        this.valueIndex(name, value);
      } catch (error) {
        if (error instanceof CosearchError) throw new CosearchError(error.code, `${where}: ${error.message}`);
        throw error;
      }
    }
    return new Space({
      ...this.#data,
      knobs: this.#data.knobs.map((knob) => {
        const value = assignments[knob.name];
        if (value === undefined) return knob;
        return { ...knob, ordered: this.knobs[this.indexOf(knob.name)]!.ordered, values: [value] };
      }),
    });
  }

  /** The space as plain data, for a file. */
  toData(): SpaceData {
    return this.#data;
  }

  /** One line a knob: name, values, condition. */
  describe(): string {
    const width = Math.max(...this.knobs.map((knob) => knob.name.length));
    const lines = this.#data.knobs.map((knob) => {
      const when = Object.entries(knob.when ?? {}).map(([name, values]) => `${name} in {${values.join(", ")}}`);
      const unit = knob.unit === undefined ? "" : ` ${knob.unit}`;
      return `  ${knob.name.padEnd(width)}  {${knob.values.join(", ")}}${unit}${when.length > 0 ? `  when ${when.join(" and ")}` : ""}`;
    });
    const rules = (this.#data.rules ?? []).map((rule) => `\n  rule ${JSON.stringify(rule)}`);
    return `${this.name}: ${this.size()} points, ${this.decisions.length} decisions\n${lines.join("\n")}${rules.join("")}`;
  }

  #notAPoint(detail: string): CosearchError {
    return new CosearchError("SPACE_NOT_A_POINT", `not a point of space ${this.name}: ${detail}`);
  }
}

/** One space from several, knob names prefixed with `group/`; conditions and rules stay within their part.
 *  @param rules further ones, over the prefixed names */
export function joinSpaces(
  name: string,
  parts: readonly { readonly group: string; readonly space: Space }[],
  rules: readonly Rule[] = [],
): Space {
  const all = [
    ...parts.flatMap(({ group, space }) => (space.toData().rules ?? []).map((rule) => prefixedRule(rule, group))),
    ...rules,
  ];
  return new Space({
    name,
    knobs: parts.flatMap(({ group, space }) =>
      space.toData().knobs.map((knob) => ({
        ...knob,
        name: `${group}/${knob.name}`,
        ...(knob.when && { when: prefixedKeys(knob.when, group) }),
      })),
    ),
    ...(all.length > 0 && { rules: all }),
  });
}

/** The part of a candidate that belongs to a group, with the prefix taken off. */
export function candidatePart(candidate: Candidate, group: string): Candidate {
  const prefix = `${group}/`;
  const part: Record<string, KnobValue> = {};
  for (const name in candidate) {
    if (name.startsWith(prefix)) part[name.slice(prefix.length)] = candidate[name]!;
  }
  return part;
}

function checkKnob(knob: Knob, earlier: ReadonlyMap<string, number>): void {
  const bad = (what: string) => new CosearchError("SPACE_BAD_KNOB", `knob "${knob.name}" ${what}`);
  if (knob.name.length === 0) throw bad("has no name");
  if (earlier.has(knob.name)) throw bad("is defined twice");
  if (knob.values.length === 0) throw bad("has no values");
  if (new Set(knob.values).size !== knob.values.length) throw bad(`has a value twice: ${knob.values.join(", ")}`);
  if (knob.values.some((value) => typeof value === "number" && !Number.isFinite(value))) {
    throw bad(`has a value that is no finite number: ${knob.values.join(", ")}`);
  }
}

function parentOf(
  knobs: readonly Knob[],
  earlier: ReadonlyMap<string, number>,
  knob: Knob,
  name: string,
  values: readonly KnobValue[],
): Parent {
  const index = earlier.get(name);
  if (index === undefined) {
    throw new CosearchError(
      "SPACE_BAD_KNOB",
      `knob "${knob.name}" has a condition on "${name}", which is no earlier knob${suggestion(name, [...earlier.keys()])}`,
    );
  }
  // A value that the parent does not have (any more: a study may have fixed it) can never hold; the knob then never counts.
  const allowed = new Set(values.map((value) => knobs[index]!.values.indexOf(value)).filter((i) => i >= 0));
  return { index, allowed };
}
