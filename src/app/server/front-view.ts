// The Pareto scatter of a run on two chosen axes: the front, a sample of what it dominates, and hypervolume over trials.
import { dominates, hypervolume } from "../../core/fronts.js";
import type { AxisInfo, FrontPoint, FrontView } from "./api.js";
import type { RunColumns } from "./run-columns.js";

const CURVE_POINTS = 200;

/** @param limit points at most; the front is always whole, up to that many */
export function frontViewOf(
  columns: RunColumns,
  knobCount: number,
  x: AxisInfo,
  y: AxisInfo,
  limit: number,
): FrontView {
  const [xs, ys] = [valuesOf(columns, x), valuesOf(columns, y)];
  const measured: number[] = [];
  let feasible = 0;
  for (let t = 0; t < columns.count; t++) {
    if (columns.feasible[t] !== 1) continue;
    feasible++;
    if (!Number.isNaN(xs[t]!) && !Number.isNaN(ys[t]!)) measured.push(t);
  }
  const front = frontOf(measured, xs, ys, x, y);
  const onFront = new Set(front);
  const shown = new Set(front.slice(0, limit));
  // an even sample over the run, so that early and late trials are both there
  const room = Math.max(1, limit - shown.size);
  const step = Math.max(1, Math.ceil(measured.length / room));
  for (let i = 0; i < measured.length; i += step) shown.add(measured[i]!);
  const names = columns.metricNames;
  const points = [...shown]
    .sort((a, b) => a - b)
    .map(
      (trial): FrontPoint => ({
        trial,
        reward: columns.reward[trial]!,
        onFront: onFront.has(trial),
        metrics: names.map((name) => numberOrNull(columns.metric(name)![trial]!)),
        codes: Array.from({ length: knobCount }, (_, k) => columns.codes(k)[trial]!),
      }),
    );
  return { x, y, feasible, points, hypervolume: hypervolumeCurve(measured, xs, ys, x, y) };
}

const numberOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

function valuesOf(columns: RunColumns, axis: AxisInfo): Float64Array {
  return axis.metric === "reward" ? columns.reward : (columns.metric(axis.metric) ?? new Float64Array());
}

/** Trials that no other dominates; of equal ones the earliest. Sorted by x, best first; O(n log n). */
export function frontOf(
  trials: readonly number[],
  xs: Float64Array,
  ys: Float64Array,
  x: AxisInfo,
  y: AxisInfo,
): number[] {
  const [sx, sy] = [x.sense === "minimise" ? 1 : -1, y.sense === "minimise" ? 1 : -1];
  const order = [...trials].sort((a, b) => sx * (xs[a]! - xs[b]!) || sy * (ys[a]! - ys[b]!) || a - b);
  const front: number[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (const t of order) {
    if (sy * ys[t]! >= least) continue;
    least = sy * ys[t]!;
    front.push(t);
  }
  return front;
}

/** Area that the front so far dominates, measured from the worst value of each axis over the whole run. */
function hypervolumeCurve(
  trials: readonly number[],
  xs: Float64Array,
  ys: Float64Array,
  x: AxisInfo,
  y: AxisInfo,
): FrontView["hypervolume"] {
  const directions = [x, y].map(({ sense }) => (sense === "minimise" ? "min" : "max")) as ("min" | "max")[];
  const worst = (values: Float64Array, { sense }: AxisInfo): number =>
    trials.reduce(
      (found, t) => (sense === "minimise" ? Math.max(found, values[t]!) : Math.min(found, values[t]!)),
      sense === "minimise" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY,
    );
  const reference: [number, number] = trials.length === 0 ? [0, 0] : [worst(xs, x), worst(ys, y)];
  const every = Math.max(1, Math.ceil(trials.length / CURVE_POINTS));
  const trial: number[] = [];
  const value: number[] = [];
  let front: (readonly [number, number])[] = [];
  trials.forEach((t, i) => {
    const point = [xs[t]!, ys[t]!] as const;
    const same = (other: readonly number[]): boolean => other[0] === point[0] && other[1] === point[1];
    if (!front.some((other) => dominates(other, point, directions) || same(other))) {
      front = front.filter((other) => !dominates(point, other, directions));
      front.push(point);
    }
    if ((i + 1) % every !== 0 && i !== trials.length - 1) return;
    trial.push(t);
    value.push(hypervolume(front, reference, directions));
  });
  return { trial, value, reference };
}
