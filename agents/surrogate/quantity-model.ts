// One modelled quantity, for example the logarithm of the latency: an additive process that takes new trials as they come and
// whose prior variances are fitted again each time that the trials have grown by half.
import type { StateTree } from "../../src/core/agent.js";
import { AdditiveProcess, type MeanWeights, type ProcessVariances } from "./additive-process.js";
import type { KnobFeatures, Row } from "./knob-features.js";
import { fitVariances, flatVariances } from "./variance-components.js";

/** Rows that the prior variances are fitted on, spread over all of them. */
const VARIANCE_ROWS = 200;
const FIRST_STEPS = 12;
const LATER_STEPS = 5;
const GROWTH = 1.5;
/** Weight of what was before one more batch. */
const FORGETTING = 0.7;
const LARGEST_SURPRISE = 100;

/** The posterior of a quantity. */
export interface Quantity {
  readonly name: string;
  readonly isLog: boolean;
  readonly process: AdditiveProcess;
  readonly weights: MeanWeights;
  /** value = shift + scale * process */
  readonly shift: number;
  readonly scale: number;
  /** of the values */
  readonly least: number;
  /** of the values, in the quantity's own scale */
  readonly range: readonly [lowest: number, highest: number];
  /** how many times larger than foreseen errors have been lately, at least 1 */
  readonly inflation: number;
}

/** Values on the scale of the process. */
interface Scaled {
  readonly targets: Float64Array;
  readonly shift: number;
  /** 0: all values are equal */
  readonly scale: number;
}

export class QuantityModel {
  readonly name: string;
  readonly #features: KnobFeatures;
  #variances: ProcessVariances;
  /** whether logarithms are modelled, where that is possible */
  #prefersLog = true;
  /** rows when the variances were fitted, and rows that were given last */
  #fittedRows = 0;
  #rowCount = 0;
  /** moving mean of squared errors over foreseen ones */
  #surprise = 1;
  #process: AdditiveProcess | undefined;
  /** rows of the process */
  #rows: readonly Row[] = [];

  constructor(name: string, features: KnobFeatures) {
    this.name = name;
    this.#features = features;
    this.#variances = flatVariances(features);
  }

  /** The posterior given these rows. Rows that were given before, first and in the same order, cost nothing again.
   *  @param values shape [rows], finite; modelled as logarithms when that is likelier, all are above 0 and `mayLog` */
  given(rows: readonly Row[], values: Float64Array, mayLog: boolean): Quantity {
    if (!mayLog) this.#prefersLog = false;
    const canLog = mayLog && values.every((value) => value > 0);
    const isShorter = rows.length < this.#rowCount; // old rows were let go
    this.#rowCount = rows.length;
    if (isShorter || rows.length >= Math.max(8, GROWTH * this.#fittedRows)) this.#fit(rows, values, canLog);
    const isLog = canLog && this.#prefersLog;
    const process = this.#processOf(rows);
    const inflation = Math.sqrt(Math.max(1, this.#surprise));
    return { ...posteriorOf(process, values, isLog), name: this.name, inflation };
  }

  /** The posterior given some rows, at the prior variances that were fitted before. */
  withoutFitting(rows: readonly Row[], values: Float64Array): Quantity {
    const isLog = this.#prefersLog && values.every((value) => value > 0);
    const process = new AdditiveProcess(this.#features, this.#variances);
    for (const row of rows) process.add(row);
    return { ...posteriorOf(process, values, isLog), name: this.name, inflation: 1 };
  }

  /** Takes note of how a batch came out. @param errors over the deviations that were foreseen without inflation */
  learnErrors(errors: readonly number[]): void {
    if (errors.length === 0) return;
    const size = errors.reduce((sum, error) => sum + Math.min(error ** 2, LARGEST_SURPRISE), 0) / errors.length;
    this.#surprise = FORGETTING * this.#surprise + (1 - FORGETTING) * size;
  }

  /** The scale and the prior variances under which the values are likeliest. */
  #fit(rows: readonly Row[], values: Float64Array, canLog: boolean): void {
    const stride = Math.max(1, rows.length / VARIANCE_ROWS);
    const picked = Array.from({ length: Math.min(rows.length, VARIANCE_ROWS) }, (_, i) => Math.floor(i * stride));
    const chosen = picked.map((i) => rows[i]!);
    const given = Float64Array.from(picked, (i) => values[i]!);
    const steps = this.#fittedRows === 0 ? FIRST_STEPS : LATER_STEPS;
    let likeliest = Number.NEGATIVE_INFINITY;
    const start = this.#variances;
    for (const isLog of canLog ? [true, false] : [false]) {
      const { targets, scale } = scaledOf(given, isLog);
      if (scale === 0) continue;
      const variances = fitVariances(this.#features, chosen, targets, start, steps);
      const process = new AdditiveProcess(this.#features, variances);
      for (const row of chosen) process.add(row);
      // in the values' own unit: the density of a logarithm is larger by the value
      const stretch =
        given.reduce((sum, value) => sum + (isLog ? Math.log(value) : 0), 0) + given.length * Math.log(scale);
      const evidence = process.evidence(targets) - stretch;
      if (!(evidence > likeliest)) continue;
      likeliest = evidence;
      this.#variances = variances;
      this.#prefersLog = isLog;
    }
    this.#fittedRows = rows.length;
    this.#process = undefined;
  }

  #processOf(rows: readonly Row[]): AdditiveProcess {
    const isContinued = this.#rows.length <= rows.length && this.#rows.every((row, i) => row === rows[i]);
    if (this.#process === undefined || !isContinued) {
      this.#process = new AdditiveProcess(this.#features, this.#variances);
    }
    for (let i = this.#process.size; i < rows.length; i++) this.#process.add(rows[i]!);
    this.#rows = rows;
    return this.#process;
  }

  state(): StateTree {
    const { own, share, pairs, noise } = this.#variances;
    return {
      own,
      share,
      pairs,
      noise,
      fittedRows: this.#fittedRows,
      rowCount: this.#rowCount,
      prefersLog: this.#prefersLog,
      surprise: this.#surprise,
    };
  }

  restore(state: StateTree): void {
    const saved = state as unknown as SavedQuantity;
    const { own, share, pairs, noise } = saved;
    this.#variances = { own, share, pairs, noise };
    this.#fittedRows = saved.fittedRows;
    this.#rowCount = saved.rowCount;
    this.#prefersLog = saved.prefersLog;
    this.#surprise = saved.surprise;
    this.#process = undefined;
    this.#rows = [];
  }
}

interface SavedQuantity extends ProcessVariances {
  readonly fittedRows: number;
  readonly rowCount: number;
  readonly prefersLog: boolean;
  readonly surprise: number;
}

/** What the process says once it is told the values of its rows. */
function posteriorOf(
  process: AdditiveProcess,
  values: Float64Array,
  isLog: boolean,
): Omit<Quantity, "name" | "inflation"> {
  const { targets, shift, scale } = scaledOf(values, isLog);
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) [least, most] = [Math.min(least, value), Math.max(most, value)];
  const range = isLog ? ([Math.log(least), Math.log(most)] as const) : ([least, most] as const);
  return { isLog, process, weights: process.mean(targets), shift, scale, least, range };
}

/** Mean 0 and variance 1. */
function scaledOf(values: Float64Array, isLog: boolean): Scaled {
  const targets = isLog ? values.map(Math.log) : values.slice();
  const shift = targets.reduce((sum, value) => sum + value, 0) / targets.length;
  const variance = targets.reduce((sum, value) => sum + (value - shift) ** 2, 0) / targets.length;
  const scale = Math.sqrt(variance);
  const isFlat = !(scale > 1e-12 * Math.max(1, Math.abs(shift)));
  return { targets: targets.map((value) => (isFlat ? 0 : (value - shift) / scale)), shift, scale: isFlat ? 0 : scale };
}
