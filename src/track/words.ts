// Numbers and designs in plain words: metrics with their units, a candidate in three lines, a winner against a reference.
// A difference in accuracy that is smaller than the proxy's error is not called a win.
import type { Candidate } from "../core/trial.js";
import type { DesignDocument } from "./design-document.js";

/** A metric as people read it: `latencyMs` 0.8312 is "0.831 ms". */
export function formatMetric(name: string, value: number): string {
  if (/Fraction$|StandardError$/.test(name)) return `${(100 * value).toFixed(2)} %`;
  if (/Bytes$/.test(name)) return formatBytes(value);
  if (/Cycles$|Count$/.test(name)) return formatCount(value);
  const unit = /Ms$/.test(name) ? "ms" : /Millijoules$/.test(name) ? "mJ" : /Mm2$/.test(name) ? "mm²" : "";
  return `${formatNumber(value)} ${unit}`.trim();
}

/** Three significant digits, without an exponent where that stays readable. */
export function formatNumber(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-3) return value.toExponential(2);
  return size >= 100 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}

/** 312,000,000 is "312 M". */
export function formatCount(value: number): string {
  for (const [size, letter] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(3))} ${letter}`;
  }
  return formatNumber(value);
}

export function formatBytes(value: number): string {
  for (const [size, unit] of [
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
  ] as const) {
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(3))} ${unit}`;
  }
  return `${Math.round(value)} B`;
}

/** What a metric is called: `peakOnChipBytes` is "peak on chip". */
export function metricLabel(name: string): string {
  const bare = name.replace(/(Ms|Mm2|Bytes|Millijoules|Fraction)$/, "");
  return bare.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace(/^dram$/, "DRAM traffic");
}

/** A candidate group by group; repeated knobs of one kind in one run: `kernel 3 5 5 7`. */
export function describeCandidate(candidate: Candidate): { readonly group: string; readonly text: string }[] {
  const groups = new Map<string, Map<string, unknown[]>>();
  for (const [name, value] of Object.entries(candidate)) {
    const slash = name.indexOf("/");
    const group = slash < 0 ? "design" : name.slice(0, slash);
    const rest = name.slice(slash + 1);
    const kind = rest.split(".").at(-1) ?? rest;
    const kinds = groups.get(group) ?? new Map<string, unknown[]>();
    kinds.set(kind, [...(kinds.get(kind) ?? []), value]);
    groups.set(group, kinds);
  }
  return [...groups].map(([group, kinds]) => ({
    group,
    text: [...kinds].map(([kind, values]) => `${kind} ${values.join(" ")}`).join(", "),
  }));
}

/** A reference design in one line: network, chip, precision, what stays on chip. */
export function describeReference({ network, accelerator, deployment }: DesignDocument): string {
  const { weightBits, activationBits, batch, fusion, activations, weights, pruning } = deployment;
  const sameBits = String(weightBits) === String(activationBits);
  const bits = sameBits ? `${weightBits} bits` : `${weightBits}-bit weights and ${activationBits}-bit activations`;
  const images = batch === 1 ? "" : `, batch ${batch}`;
  const stay = STAYS[activations ?? (fusion === "off" ? "dram" : "fit")] ?? String(activations);
  const weightsStay = weights === undefined || weights === "dram" ? "" : `, weights ${STAYS[weights] ?? weights}`;
  const groups = fusion === "off" || fusion === "on" ? "" : `, ${fusion} groups`;
  const pruned =
    pruning === undefined || pruning.kind === "none"
      ? ""
      : `, ${Math.round(100 * pruning.sparsity)} % pruned (${pruning.kind})`;
  return `${network.name} on ${accelerator.name}, ${bits}${images}, activations ${stay}${weightsStay}${groups}${pruned}`;
}

/** Where data is between layers and batches, in words. */
const STAYS: Readonly<Record<string, string>> = {
  dram: "through DRAM",
  fit: "kept on chip where they fit",
  "on-chip": "kept on chip",
};

/** How one quantity of the winner stands to the reference's. */
export interface Comparison {
  readonly label: string;
  readonly winner: string;
  readonly reference: string;
  /** one phrase: "1.42 times faster", "no difference that the proxy can tell (±1.1 points)" */
  readonly verdict: string;
  readonly outcome: "better" | "worse" | "equal";
}

/** The winner against the reference, the quantities that a reader asks about first. */
export function compareDesigns(winner: DesignDocument, reference: DesignDocument): Comparison[] {
  const ratio = (
    label: string,
    metric: "latencyMs" | "energyMillijoules" | "areaMm2",
    better: string,
    worse: string,
    perImage = true,
  ): Comparison => {
    const [ours = 0, theirs = 0] = [winner, reference].map(
      (design) => design[metric] / (perImage ? design.deployment.batch : 1),
    );
    const factor = theirs / ours;
    const same = Math.abs(factor - 1) < 0.005;
    const outcome = same ? "equal" : factor > 1 ? "better" : "worse";
    const times = formatNumber(factor > 1 ? factor : 1 / factor);
    return {
      label,
      winner: formatMetric(metric, ours),
      reference: formatMetric(metric, theirs),
      verdict: same ? "the same" : `${times}× ${outcome === "better" ? better : worse}`,
      outcome,
    };
  };
  return [
    ratio("time per image", "latencyMs", "faster", "slower"),
    ...(winner.deployment.batch > 1
      ? [
          ratio(
            `time per batch of ${winner.deployment.batch}`,
            "latencyMs",
            "faster than one image",
            "slower than one image",
            false,
          ),
        ]
      : []),
    ratio("energy per image", "energyMillijoules", "less energy", "more energy"),
    ratio("area", "areaMm2", "smaller", "larger", false),
    compareAccuracy(winner, reference),
  ];
}

function compareAccuracy(winner: DesignDocument, reference: DesignDocument): Comparison {
  const difference = winner.accuracy.estimate - reference.accuracy.estimate;
  const error = Math.hypot(winner.accuracy.standardError, reference.accuracy.standardError);
  const points = (100 * difference).toFixed(1);
  const within = Math.abs(difference) <= error;
  const same = Math.abs(difference) < 0.0005;
  const show = (design: DesignDocument): string =>
    `${(100 * design.accuracy.estimate).toFixed(1)} % ± ${(100 * design.accuracy.standardError).toFixed(1)}`;
  return {
    label: "accuracy",
    winner: show(winner),
    reference: show(reference),
    verdict: same
      ? "the same"
      : within
        ? `${difference >= 0 ? "+" : ""}${points} points: too close to call, the proxy's error is ±${(100 * error).toFixed(1)}`
        : `${difference > 0 ? "+" : ""}${points} points by the ${winner.accuracy.proxy} proxy, whose error is ±${(100 * error).toFixed(1)}`,
    outcome: within ? "equal" : difference > 0 ? "better" : "worse",
  };
}
