// How a study's metrics become its reward, learnt from the feasible trials. Studies compose the reward by a formula of few
// metrics (products of powers, sums of distances to targets), so a few terms, each linear in a metric or in what exceeds a
// knot, give it exactly. The agent then predicts the metrics, which are far smoother over a space than the reward is.
// Method: forward selection of terms and hinges, then pruning (Friedman 1991, "Multivariate adaptive regression splines",
// Annals of Statistics 19(1), without products of terms).

const MAX_TERMS = 7;
const KNOTS = [0.1, 0.25, 0.5, 0.75, 0.9];
/** Share of the variance that counts as nothing left. */
const EXACT = 1e-9;
/** Share of the variance that a link may leave unexplained; above it the reward is modelled directly. */
const TOLERATED = 0.02;

/** One term; `knot` undefined: linear, else max(0, value - knot). */
export interface LinkTerm {
  /** position in the list of metrics */
  readonly metric: number;
  /** true: of exp(value), the values being logarithms */
  readonly isRaw: boolean;
  readonly knot?: number | undefined;
}

/** reward (or its logarithm) = intercept + Σ coefficient · term(value) */
export interface RewardLink {
  readonly terms: readonly LinkTerm[];
  readonly coefficients: Float64Array;
  readonly intercept: number;
  /** what the terms leave over, in units of the (logarithm of the) reward */
  readonly deviation: number;
  /** true: it gives the logarithm of the reward */
  readonly isLog: boolean;
  /** per metric: whether it reads logarithms */
  readonly isLogged: readonly boolean[];
}

/** @param values per metric, shape [trials]; logarithms where `isLogged`
 *  @returns undefined when the metrics do not explain the reward, or there are too few trials to tell */
export function learnLink(
  values: readonly Float64Array[],
  isLogged: readonly boolean[],
  rewards: Float64Array,
): RewardLink | undefined {
  if (rewards.length < 6) return undefined;
  const linear = values.map((_, metric): LinkTerm => ({ metric, isRaw: false }));
  const raw = linear.filter(({ metric }) => isLogged[metric]).map((term): LinkTerm => ({ ...term, isRaw: true }));
  const hinged = (terms: readonly LinkTerm[]) => terms.flatMap((term) => hingesOf(term, values[term.metric]!));
  const isPositive = rewards.every((reward) => reward > 0);
  const logs = rewards.map((reward) => Math.log(Math.max(reward, 1e-300)));
  // from the simplest explanation to the richest; the first that is exact is taken
  const tries: (readonly [readonly LinkTerm[], Float64Array, boolean])[] = [
    ...(isPositive ? [[linear, logs, true] as const] : []),
    [[...linear, ...raw], rewards, false],
    ...(isPositive ? [[[...linear, ...hinged(linear)], logs, true] as const] : []),
    [[...linear, ...raw, ...hinged([...linear, ...raw])], rewards, false],
  ];
  let best: RewardLink | undefined;
  let bestRest = TOLERATED;
  for (const [terms, targets, isLog] of tries) {
    const found = selected(terms, values, targets, isLog);
    if (found === undefined) continue;
    const link = { ...found, isLogged };
    const rest = link.deviation ** 2 / Math.max(varianceOf(targets), 1e-300);
    if (rest < bestRest) [best, bestRest] = [link, rest];
    if (rest < EXACT) break;
  }
  return best;
}

type Fitted = Omit<RewardLink, "isLogged">;

/** The link at one point. @param values per metric of the link's list */
export function linkAt({ terms, coefficients, intercept }: RewardLink, values: Float64Array): number {
  let sum = intercept;
  for (let t = 0; t < terms.length; t++) sum += coefficients[t]! * termAt(terms[t]!, values[terms[t]!.metric]!);
  return sum;
}

function termAt({ isRaw, knot }: LinkTerm, value: number): number {
  const given = isRaw ? Math.exp(value) : value;
  return knot === undefined ? given : Math.max(0, given - knot);
}

function hingesOf(term: LinkTerm, values: Float64Array): LinkTerm[] {
  const sorted = values.map((value) => termAt(term, value)).sort();
  const knots = new Set(KNOTS.map((share) => sorted[Math.floor(share * (sorted.length - 1))]!));
  return [...knots].map((knot) => ({ ...term, knot }));
}

function selected(
  candidates: readonly LinkTerm[],
  values: readonly Float64Array[],
  targets: Float64Array,
  isLog: boolean,
): Fitted | undefined {
  const total = varianceOf(targets);
  if (total === 0) return undefined;
  const most = Math.min(MAX_TERMS, Math.floor((targets.length - 2) / 2));
  let terms: LinkTerm[] = [];
  let rest = centred(targets);
  const columns = candidates.map((term) => centred(values[term.metric]!.map((value) => termAt(term, value))));
  const sizes = columns.map(squares);
  while (terms.length < most && squares(rest) / targets.length > EXACT * 0.1 * total) {
    let found = -1;
    let gain = 0;
    columns.forEach((column, i) => {
      const size = squares(column);
      if (size < 1e-9 * sizes[i]!) return; // the chosen terms say the same
      const explained = product(column, rest) ** 2 / size;
      if (explained > gain * (1 + 1e-6)) [found, gain] = [i, explained];
    });
    if (found < 0) break;
    terms.push(candidates[found]!);
    const axis = columns[found]!.slice();
    rest = without(rest, axis);
    for (const [i, column] of columns.entries()) columns[i] = without(column, axis);
  }
  for (let i = 0; i < terms.length; i++) terms = [...refined(terms, i, values, targets)];
  let link = solved(terms, values, targets, isLog);
  // drop what is not needed, the least needed last chosen first
  for (let i = terms.length - 1; i >= 0 && terms.length > 1; i--) {
    const fewer = terms.filter((_, j) => j !== i);
    const simpler = solved(fewer, values, targets, isLog);
    if (simpler.deviation ** 2 > Math.max(1.05 * link.deviation ** 2, EXACT * total)) continue;
    [terms, link] = [fewer, simpler];
  }
  return link;
}

/** The terms with the knot of one of them moved to where it fits best (golden section between its neighbours). */
function refined(
  terms: readonly LinkTerm[],
  at: number,
  values: readonly Float64Array[],
  targets: Float64Array,
): readonly LinkTerm[] {
  const term = terms[at]!;
  if (term.knot === undefined) return terms;
  const sorted = values[term.metric]!.map((value) => termAt({ ...term, knot: undefined }, value)).sort();
  const spread = (sorted.at(-1)! - sorted[0]!) / 3;
  let [low, high] = [Math.max(sorted[0]!, term.knot - spread), Math.min(sorted.at(-1)!, term.knot + spread)];
  const moved = (knot: number) => terms.map((given, i) => (i === at ? { ...given, knot } : given));
  const misfit = (knot: number) => solved(moved(knot), values, targets, false).deviation;
  const ratio = (Math.sqrt(5) - 1) / 2;
  for (let step = 0; step < 20; step++) {
    const [a, b] = [high - ratio * (high - low), low + ratio * (high - low)];
    if (misfit(a) < misfit(b)) high = b;
    else low = a;
  }
  const knot = (low + high) / 2;
  return misfit(knot) < misfit(term.knot) ? moved(knot) : terms;
}

/** Least squares by orthogonalisation, term by term. */
function solved(
  terms: readonly LinkTerm[],
  values: readonly Float64Array[],
  targets: Float64Array,
  isLog: boolean,
): Fitted {
  const raw = terms.map((term) => values[term.metric]!.map((value) => termAt(term, value)));
  const axes: Float64Array[] = [];
  const mixes: Float64Array[] = [];
  let rest = centred(targets);
  const weights: number[] = [];
  for (const column of raw) {
    let axis = centred(column);
    const mix = new Float64Array(axes.length);
    axes.forEach((earlier, k) => {
      const size = squares(earlier);
      mix[k] = size === 0 ? 0 : product(axis, earlier) / size;
      axis = axis.map((value, i) => value - mix[k]! * earlier[i]!);
    });
    const size = squares(axis);
    const weight = size < 1e-12 * Math.max(squares(centred(column)), 1e-300) ? 0 : product(rest, axis) / size;
    rest = rest.map((value, i) => value - weight * axis[i]!);
    axes.push(axis);
    mixes.push(mix);
    weights.push(weight);
  }
  const coefficients = Float64Array.from(weights);
  for (let t = terms.length - 1; t >= 0; t--) {
    for (let k = 0; k < t; k++) coefficients[k]! -= mixes[t]![k]! * coefficients[t]!;
  }
  let intercept = meanOf(targets);
  raw.forEach((column, t) => {
    intercept -= coefficients[t]! * meanOf(column);
  });
  return { terms, coefficients, intercept, deviation: Math.sqrt(squares(rest) / Math.max(1, targets.length)), isLog };
}

const meanOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const squares = (values: Float64Array): number => product(values, values);
const varianceOf = (values: Float64Array): number => squares(centred(values)) / Math.max(1, values.length);

function centred(values: Float64Array): Float64Array {
  const mean = meanOf(values);
  return values.map((value) => value - mean);
}

function product(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function without(values: Float64Array, axis: Float64Array): Float64Array {
  const size = squares(axis);
  if (size === 0) return values;
  const share = product(values, axis) / size;
  return values.map((value, i) => value - share * axis[i]!);
}
