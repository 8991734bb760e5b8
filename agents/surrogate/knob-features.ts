// A point of a space as numbers that a regression can use: a few columns per knob. An ordered knob has cosines over its
// levels (slow ones weigh most, so neighbouring levels are alike), a category one column per value, a knob that does not
// count zeros. Columns are centred: over uniformly drawn levels each has mean 0, so that main effects and interactions of
// knobs do not stand for the same thing (orthogonal additive kernels: Lu et al. 2022, arXiv:2206.09861).
import { INACTIVE, type Space } from "../../src/core/space.js";

/** Cosines of an ordered knob; more would follow single levels. */
const MAX_COSINES = 4;
/** How fast the prior variance of a cosine falls with its frequency: a curve that is once differentiable. */
const DECAY = 3;

/** The columns of one knob. */
export interface KnobColumns {
  /** position of the knob in the space */
  readonly position: number;
  /** first column, of `width` */
  readonly offset: number;
  readonly width: number;
  readonly levels: number;
  /** shape [levels, width]; mean 0 and, summed over the columns, mean square 1 over the levels */
  readonly table: Float64Array;
}

/** A point, ready for products with others: `products[left[j] + right[j]]`, left of one point and right of the other. */
export interface Row {
  readonly codes: Int32Array;
  /** shape [knobs] */
  readonly left: Int32Array;
  readonly right: Int32Array;
}

/** How the points of a space become rows. */
export class KnobFeatures {
  /** the decisions of the space, group by group */
  readonly knobs: readonly KnobColumns[];
  /** columns in all */
  readonly width: number;
  /** names of the groups (first parts of the knobs' names) */
  readonly groups: readonly string[];
  /** shape [groups + 1]: first knob of each group, and the number of knobs */
  readonly groupStarts: Int32Array;
  /** scratch, shape [groups] */
  readonly groupSums: Float64Array;
  /** products of the columns of two levels, knob after knob, shape [levels + 1, levels + 1]; 0 where a knob does not count */
  readonly products: Float64Array;
  readonly #firstProducts: Int32Array;

  constructor(space: Space) {
    const groupOf = (position: number): string => /^(.*?)\//.exec(space.knobs[position]!.name)?.[1] ?? "";
    this.groups = [...new Set(space.decisions.map(groupOf))];
    const positions = this.groups.flatMap((group) => space.decisions.filter((at) => groupOf(at) === group));
    let offset = 0;
    this.knobs = positions.map((position) => {
      const { values, ordered } = space.knobs[position]!;
      const levels = values.length;
      const table = ordered ? cosines(levels) : indicators(levels);
      const knob = { position, offset, width: table.length / levels, levels, table };
      offset += knob.width;
      return knob;
    });
    this.width = offset;
    const starts = this.groups.map((group) => positions.findIndex((at) => groupOf(at) === group));
    this.groupStarts = Int32Array.from([...starts, positions.length]);
    this.groupSums = new Float64Array(this.groups.length);
    let size = 0;
    this.#firstProducts = Int32Array.from(this.knobs, ({ levels }) => {
      size += (levels + 1) ** 2;
      return size - (levels + 1) ** 2;
    });
    this.products = new Float64Array(size);
    this.knobs.forEach((knob, j) => {
      fillProducts(knob, this.products, this.#firstProducts[j]!);
    });
  }

  row(codes: Int32Array): Row {
    const left = new Int32Array(this.knobs.length);
    const right = new Int32Array(this.knobs.length);
    this.knobs.forEach(({ position, levels }, j) => {
      const code = codes[position]!;
      right[j] = code === INACTIVE ? levels : code;
      left[j] = this.#firstProducts[j]! + right[j]! * (levels + 1);
    });
    return { codes, left, right };
  }
}

function cosines(levels: number): Float64Array {
  const width = Math.min(levels - 1, MAX_COSINES);
  const shares = Array.from({ length: width }, (_, m) => (m + 1) ** -DECAY);
  const total = shares.reduce((sum, share) => sum + share, 0);
  return Float64Array.from({ length: levels * width }, (_, i) => {
    const [level, m] = [Math.floor(i / width), i % width];
    return Math.sqrt((2 * shares[m]!) / total) * Math.cos((Math.PI * (m + 1) * (level + 0.5)) / levels);
  });
}

function indicators(levels: number): Float64Array {
  const scale = Math.sqrt(levels / (levels - 1));
  return Float64Array.from({ length: levels * levels }, (_, i) => {
    const isOwn = Math.floor(i / levels) === i % levels;
    return scale * ((isOwn ? 1 : 0) - 1 / levels);
  });
}

function fillProducts({ levels, width, table }: KnobColumns, products: Float64Array, first: number): void {
  for (let a = 0; a < levels; a++) {
    for (let b = 0; b < levels; b++) {
      let sum = 0;
      for (let m = 0; m < width; m++) sum += table[a * width + m]! * table[b * width + m]!;
      products[first + a * (levels + 1) + b] = sum;
    }
  }
}
