// A search space: an ordered list of knobs, each with its ordered values; some count only under a condition on earlier knobs.
// A point is a candidate (name -> value, active knobs only) or, for agents, a code: one index per knob, -1 where inactive.
import { CosearchError, suggestion } from "./errors.js";
import type { RandomStream } from "./rng.js";
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
  readonly #data: SpaceData;
  readonly #index: ReadonlyMap<string, number>;
  readonly #parents: readonly (readonly Parent[])[];

  /** @throws CosearchError SPACE_BAD_KNOB */
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
    this.#index = index;
    this.#parents = parents;
  }

  get length(): number {
    return this.knobs.length;
  }

  /** Positions of the knobs that leave a choice. */
  get decisions(): readonly number[] {
    return this.knobs.flatMap((knob, i) => (knob.values.length > 1 ? [i] : []));
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

  /** True when some knob has a condition. */
  get isConditional(): boolean {
    return this.#parents.some((parents) => parents.length > 0);
  }

  /** Exact number of points. Sums over the values of condition parents, remembering what later knobs still ask about. */
  size(): bigint {
    const lastUse = new Int32Array(this.length).fill(-1);
    this.#parents.forEach((parents, child) => {
      for (const parent of parents) lastUse[parent.index] = child;
    });
    const memo = new Map<string, bigint>();
    const codes = new Int32Array(this.length).fill(INACTIVE);
    const count = (position: number): bigint => {
      if (position === this.length) return 1n;
      const live: number[] = [];
      for (let i = 0; i < position; i++) if (lastUse[i]! >= position) live.push(codes[i]!);
      const key = `${position}:${live.join(",")}`;
      const known = memo.get(key);
      if (known !== undefined) return known;
      let total = 0n;
      if (!this.isActive(position, codes)) {
        codes[position] = INACTIVE;
        total = count(position + 1);
      } else if (lastUse[position]! < 0) {
        codes[position] = 0;
        total = BigInt(this.knobs[position]!.values.length) * count(position + 1);
      } else {
        for (let value = 0; value < this.knobs[position]!.values.length; value++) {
          codes[position] = value;
          total += count(position + 1);
        }
      }
      codes[position] = INACTIVE;
      memo.set(key, total);
      return total;
    };
    return count(0);
  }

  /** Each active knob drawn uniformly and independently, in order. */
  sample(random: RandomStream): Int32Array {
    const codes = new Int32Array(this.length);
    for (let i = 0; i < this.length; i++) {
      const count = this.knobs[i]!.values.length;
      codes[i] = !this.isActive(i, codes) ? INACTIVE : count === 1 ? 0 : random.integer(count);
    }
    return codes;
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
    return candidate;
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
    for (let value = 0; value < this.knobs[position]!.values.length; value++) {
      codes[position] = value;
      yield* this.#extend(codes, position + 1);
    }
  }

  /** Points one step away: the next lower or higher value of an ordered knob, any other value of a category.
   *  Knobs that start to count take their first value. */
  neighbours(codes: ArrayLike<number>): Int32Array[] {
    const found: Int32Array[] = [];
    this.knobs.forEach((knob, i) => {
      const code = codes[i]!;
      if (code === INACTIVE) return;
      const steps = knob.ordered
        ? [code - 1, code + 1].filter((v) => v >= 0 && v < knob.values.length)
        : knob.values.map((_, v) => v).filter((v) => v !== code);
      for (const step of steps) found.push(this.repaired(codes, i, step));
    });
    return found;
  }

  /** The point with knob `position` at `value`, where later conditions are followed: knobs that stop to count are dropped,
   *  knobs that start to count take their first value. */
  repaired(codes: ArrayLike<number>, position: number, value: number): Int32Array {
    const next = Int32Array.from(codes as ArrayLike<number>);
    next[position] = value;
    for (let i = position + 1; i < this.length; i++) {
      if (!this.isActive(i, next)) next[i] = INACTIVE;
      else if (next[i] === INACTIVE) next[i] = 0;
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
    return `${this.name}: ${this.size()} points, ${this.decisions.length} decisions\n${lines.join("\n")}`;
  }

  #notAPoint(detail: string): CosearchError {
    return new CosearchError("SPACE_NOT_A_POINT", `not a point of space ${this.name}: ${detail}`);
  }
}

/** One space from several, knob names prefixed with `group/`; conditions stay within their part. */
export function joinSpaces(name: string, parts: readonly { readonly group: string; readonly space: Space }[]): Space {
  return new Space({
    name,
    knobs: parts.flatMap(({ group, space }) =>
      space.toData().knobs.map((knob) => ({
        ...knob,
        name: `${group}/${knob.name}`,
        ...(knob.when && {
          when: Object.fromEntries(Object.entries(knob.when).map(([parent, values]) => [`${group}/${parent}`, values])),
        }),
      })),
    ),
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
