// What the trials so far tell about designs that were not tried: one process for each metric that decides, composed to the
// chance of keeping the limits and to the expected reward. Trials over a limit teach as much as others, as they have metrics;
// what could not be built at all teaches where designs cannot be built.
// Papers: Deng et al. 2022, Nature Communications 13 (a model that learns while it steers); Kumar et al. 2022,
// arXiv:2110.11346 (infeasible designs as negatives); Gardner et al. 2014 (constraints as models of their own).
import type { StateTree } from "../../src/core/agent.js";
import type { Space } from "../../src/core/space.js";
import { type Point, packMeasured, unpackMeasured } from "../black-box.js";
import { Forecast, type ForecastLimit } from "./forecast.js";
import { KnobFeatures, type Row } from "./knob-features.js";
import { type Quantity, QuantityModel } from "./quantity-model.js";
import { learnLink, linkAt, type RewardLink } from "./reward-link.js";

/** Rows that the reward's formula is learnt from, the latest. */
const LINK_ROWS = 300;
/** It is learnt again when there are so many times the trials; in between it is checked on the latest ones. */
const LINK_GROWTH = 1.33;
const LINK_CHECKS = 16;
/** What is modelled besides metrics: the reward, where no formula is found, and how far from being built a design is. */
const REWARD = " reward";
export const EXCESS = " excess";

/** A trial as the model needs it. */
export interface Observed extends Point {
  /** infeasible for a reason that is no limit on a metric */
  readonly unbuilt: boolean;
}

export function observed(point: Point): Observed {
  const { codes, reward, feasible, violation, metrics, infeasible } = point;
  const unbuilt = infeasible?.violations.every(({ subject }) => metrics?.[subject] !== undefined) === false;
  const isBare = infeasible?.violations.length === 0;
  return { codes, reward, feasible, violation, metrics, unbuilt: unbuilt || isBare };
}

/** The formula, undefined where none was found, and from how many trials. */
interface KnownLink {
  readonly trials: number;
  readonly found: { readonly link: RewardLink; readonly names: readonly string[] } | undefined;
}

/** A prediction and what came of it. */
export interface Foreseen {
  /** shape [quantities] */
  readonly means: Float64Array;
  readonly deviations: Float64Array;
  readonly trial: Point;
}

/** A limit on a metric as the violations tell it. */
export interface KnownLimit {
  readonly metric: string;
  readonly isMax: boolean;
  readonly bound: number;
}

export class DesignModel {
  readonly #features: KnobFeatures;
  readonly #quantities = new Map<string, QuantityModel>();
  readonly #rows = new WeakMap<Observed, Row>();
  #limits: KnownLimit[] = [];
  #link: KnownLink | undefined;

  constructor(space: Space) {
    this.#features = new KnobFeatures(space);
  }

  /** Notes the limits that a trial breaks; a limit that is never broken need not be known. */
  note({ metrics, infeasible }: Point): void {
    for (const { subject, needed, available } of infeasible?.violations ?? []) {
      const isMax = needed > available;
      if (metrics?.[subject] === undefined) continue;
      if (!this.#limits.some((limit) => limit.metric === subject && limit.isMax === isMax)) {
        this.#limits.push({ metric: subject, isMax, bound: available });
      }
    }
  }

  /** The posterior given these trials, oldest first; undefined while they say nothing that could be followed.
   *  Deterministic; trials that were given before, first and in the same order, cost little again. */
  given(trials: readonly Observed[]): Forecast | undefined {
    const quantities: Quantity[] = [];
    const at = (name: string, chosen: readonly Observed[], read: (trial: Observed) => number, mayLog: boolean) => {
      const known = quantities.findIndex((quantity) => quantity.name === name);
      if (known >= 0) return known;
      const model = this.#quantities.get(name) ?? new QuantityModel(name, this.#features);
      this.#quantities.set(name, model);
      const rows = chosen.map((trial) => this.#row(trial));
      return quantities.push(model.given(rows, Float64Array.from(chosen, read), mayLog)) - 1;
    };
    const measured = trials.filter(({ metrics }) => metrics !== undefined);
    const feasible = trials.filter((trial) => trial.feasible);
    const metricAt = (name: string): number =>
      at(
        name,
        measured.filter(({ metrics }) => metrics![name] !== undefined),
        ({ metrics }) => metrics![name]!,
        true,
      );
    const limits: ForecastLimit[] = [];
    for (const { metric, isMax, bound } of this.#limits) {
      const position = metricAt(metric);
      const { isLog } = quantities[position]!;
      if (isLog && bound <= 0) continue; // a positive metric cannot come near
      limits.push({ quantity: position, isMax, bound: isLog ? Math.log(bound) : bound });
    }
    if (trials.some(({ unbuilt }) => unbuilt)) {
      limits.push({ quantity: at(EXCESS, trials, excessOf, false), isMax: true, bound: 0 });
    }
    const best = feasible.reduce((most, { reward }) => Math.max(most, reward), Number.NEGATIVE_INFINITY);
    const found = this.#linkOf(feasible, measured);
    if (found !== undefined) {
      const inputs = Int32Array.from(found.names, metricAt);
      const { link } = found;
      const formula = { inputs, at: (values: Float64Array) => linkAt(link, values), deviation: link.deviation };
      return new Forecast(this.#features, quantities, limits, formula, link.isLog ? Math.log(best) : best);
    }
    if (feasible.length >= 2) {
      const position = at(REWARD, feasible, ({ reward }) => reward, false);
      return new Forecast(this.#features, quantities, limits, position, best);
    }
    return limits.length === 0 ? undefined : new Forecast(this.#features, quantities, limits, undefined, best);
  }

  /** The formula of the reward: the one that is known while it holds, until there are a third more trials to learn it from. */
  #linkOf(feasible: readonly Observed[], measured: readonly Observed[]): KnownLink["found"] {
    const known = this.#link;
    if (known !== undefined && feasible.length < known.trials * LINK_GROWTH + 3) {
      if (known.found === undefined || holds(known.found, feasible.slice(-LINK_CHECKS))) return known.found;
    }
    const found = linkOf(feasible, measured, [...this.#quantities.keys()]);
    this.#link = { trials: feasible.length, found };
    return found;
  }

  /** Compares what was foreseen for a trial with what came. */
  learnErrors(forecast: Forecast, foreseen: readonly Foreseen[]): void {
    forecast.quantities.forEach(({ name, isLog, inflation }, q) => {
      const errors = foreseen.flatMap(({ means, deviations, trial }) => {
        const value =
          name === REWARD
            ? trial.feasible
              ? trial.reward
              : undefined
            : name === EXCESS
              ? undefined
              : trial.metrics?.[name];
        if (value === undefined || (isLog && value <= 0)) return [];
        return [(((isLog ? Math.log(value) : value) - means[q]!) * inflation) / deviations[q]!];
      });
      this.#quantities.get(name)?.learnErrors(errors);
    });
  }

  /** The same row for the same trial, so that processes know what they were given before. */
  #row(trial: Observed): Row {
    const known = this.#rows.get(trial);
    if (known !== undefined) return known;
    const row = this.#features.row(trial.codes);
    this.#rows.set(trial, row);
    return row;
  }

  state(): StateTree {
    return {
      limits: this.#limits as unknown as StateTree,
      link: (this.#link ?? null) as unknown as StateTree,
      quantities: [...this.#quantities].map(([name, model]) => ({ name, model: model.state() })),
    };
  }

  restore(state: StateTree): void {
    const saved = state as unknown as SavedModel;
    this.#limits = [...saved.limits];
    this.#link = saved.link ?? undefined;
    this.#quantities.clear();
    for (const { name, model } of saved.quantities) {
      const restored = new QuantityModel(name, this.#features);
      restored.restore(model);
      this.#quantities.set(name, restored);
    }
  }
}

interface SavedModel {
  readonly limits: readonly KnownLimit[];
  readonly link: KnownLink | null;
  readonly quantities: readonly { readonly name: string; readonly model: StateTree }[];
}

/** Below 0 where a design can be built; larger the further it is from that. */
export const excessOf = ({ unbuilt, violation }: Observed): number => (unbuilt ? 0.5 + Math.log1p(violation) : -0.5);

/** Whether a formula gives the rewards of these trials about as well as those that it was learnt from. */
function holds({ link, names }: NonNullable<KnownLink["found"]>, trials: readonly Observed[]): boolean {
  return trials.every(({ metrics, reward }) => {
    const values = names.map((name) => metrics?.[name] ?? Number.NaN);
    const scaled = Float64Array.from(values, (value, i) => (link.isLogged[i] ? Math.log(value) : value));
    const error = linkAt(link, scaled) - (link.isLog ? Math.log(reward) : reward);
    return Math.abs(error) <= 4 * link.deviation + 1e-9 * Math.max(1, Math.abs(reward));
  });
}

/** How the metrics of the feasible trials make their reward, the link's metrics renumbered to those that it reads. */
function linkOf(
  feasible: readonly Observed[],
  measured: readonly Observed[],
  preferred: readonly string[],
): { readonly link: RewardLink; readonly names: string[] } | undefined {
  const trials = feasible.slice(-LINK_ROWS);
  const present = Object.keys(trials[0]?.metrics ?? {}).filter((name) =>
    trials.every(({ metrics }) => metrics?.[name] !== undefined),
  );
  // of metrics that say the same, the one that is modelled already
  const all = [
    ...preferred.filter((name) => present.includes(name)),
    ...present.filter((name) => !preferred.includes(name)),
  ];
  const columns = all.map((name) => Float64Array.from(trials, ({ metrics }) => metrics![name]!));
  const isLogged = all.map((name) => measured.every(({ metrics }) => (metrics?.[name] ?? 1) > 0));
  const values = columns.map((column, i) => (isLogged[i] ? column.map(Math.log) : column));
  const link = learnLink(
    values,
    isLogged,
    Float64Array.from(trials, ({ reward }) => reward),
  );
  if (link === undefined) return undefined;
  const used = [...new Set(link.terms.map(({ metric }) => metric))];
  const terms = link.terms.map((term) => ({ ...term, metric: used.indexOf(term.metric) }));
  const logged = used.map((metric) => isLogged[metric]!);
  return { link: { ...link, terms, isLogged: logged }, names: used.map((metric) => all[metric]!) };
}

/** Trials for a checkpoint. */
export function packObserved(trials: readonly Observed[]): StateTree {
  return { measured: packMeasured(trials), unbuilt: Int32Array.from(trials, ({ unbuilt }) => (unbuilt ? 1 : 0)) };
}

/** @throws CosearchError AGENT_BAD_STATE */
export function unpackObserved(state: StateTree | undefined): Observed[] {
  const { measured, unbuilt } = (state ?? {}) as { readonly measured?: StateTree; readonly unbuilt?: Int32Array };
  return unpackMeasured(measured).map((point, i) => ({ ...point, unbuilt: unbuilt?.[i] === 1 }));
}
