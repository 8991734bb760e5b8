// One design: what it is, how it differs from another, its network, its chip, and its layers.
import type { DesignResponse, DesignView, RunDetail } from "../app/server/api.js";
import { useJson } from "./api.js";
import { Chip } from "./chip.js";
import { Groups } from "./groups.js";
import { Layers } from "./layers.js";
import { Network } from "./network.js";
import { Loading, Problem, Scroll } from "./parts.js";
import { runLink } from "./route.js";
import { bytes, count, percent, shown, valueText } from "./words.js";

interface DesignProps {
  readonly run: RunDetail;
  readonly trial: number;
  /** `reference`, or a trial's number */
  readonly other: string;
}

export function Design({ run, trial, other }: DesignProps) {
  const path = `api/runs/${encodeURIComponent(run.id)}/design?trial=${trial}&with=${encodeURIComponent(other)}`;
  const { value, error } = useJson<DesignResponse>(run.trials === 0 ? undefined : path);
  if (run.trials === 0) return <p class="muted">No trials yet.</p>;
  const go = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const against = String(form.get("other") ?? "").trim();
    location.hash = runLink(run.id, "design", Number(form.get("trial")), against === "" ? "reference" : against);
  };
  return (
    <>
      <form class="toolbar" aria-label="Design" onSubmit={go} key={`${trial} ${other}`}>
        <label>
          Trial
          <input name="trial" type="number" min={0} max={run.trials - 1} defaultValue={trial} required />
        </label>
        <label>
          Compare with trial
          <input
            name="other"
            type="number"
            min={0}
            max={run.trials - 1}
            placeholder="reference"
            defaultValue={other === "reference" ? "" : other}
          />
        </label>
        <button type="submit">Show</button>
        {run.bestTrial !== null && run.bestTrial !== trial && (
          <a href={runLink(run.id, "design", run.bestTrial)}>best: trial {run.bestTrial}</a>
        )}
      </form>
      {error !== undefined && <Problem text={error} />}
      {value === undefined ? error === undefined && <Loading /> : <Shown answer={value} trial={trial} />}
    </>
  );
}

function Shown({ answer, trial }: { readonly answer: DesignResponse; readonly trial: number }) {
  const { design, other, otherName, candidate } = answer;
  const against = "infeasible" in other ? undefined : other;
  const choices = (
    <details>
      <summary>The candidate's {Object.keys(candidate).length} choices</summary>
      <dl class="choices">
        {Object.entries(candidate).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{valueText(value)}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
  if ("infeasible" in design) {
    return (
      <>
        <Problem text={`Trial ${trial} cannot be built: ${design.infeasible}`} />
        {choices}
      </>
    );
  }
  return (
    <>
      <h2>
        Trial {trial}: {design.title}
      </h2>
      <Difference design={design} other={against} otherName={otherName} />
      {"infeasible" in other && (
        <p class="muted">
          No {otherName} to compare with: {other.infeasible}
        </p>
      )}
      {choices}
      <h2>Network</h2>
      <Network network={design.network} />
      <h2>Chip</h2>
      <div class="charts">
        <Chip
          title={`Trial ${trial}`}
          chip={design.chip}
          areaMm2={design.areaMm2}
          largestMm2={Math.max(design.areaMm2, against?.areaMm2 ?? 0)}
        />
        {against !== undefined && (
          <Chip
            title={otherName}
            chip={against.chip}
            areaMm2={against.areaMm2}
            largestMm2={Math.max(design.areaMm2, against.areaMm2)}
          />
        )}
      </div>
      {design.groups.length > 0 && (
        <>
          <h2>Layers that run together, tile by tile</h2>
          <Groups groups={design.groups} />
        </>
      )}
      <Layers design={design} />
    </>
  );
}

interface Row {
  readonly name: string;
  /** true when less is better, undefined when neither is */
  readonly less?: boolean;
  value(design: DesignView): number;
  text(value: number): string;
  /** instead of the change in percent */
  difference?(design: DesignView, other: DesignView): Verdict;
}

interface Verdict {
  readonly text: string;
  readonly outcome?: "better" | "worse";
}

const ROWS: readonly Row[] = [
  { name: "Latency of a batch", less: true, value: (d) => d.latencyMs, text: (v) => `${shown(v)} ms` },
  {
    name: "Latency per image",
    less: true,
    value: (d) => d.latencyMs / d.deployment.batch,
    text: (v) => `${shown(v)} ms`,
  },
  {
    name: "Energy per image",
    less: true,
    value: (d) => d.energyMillijoules / d.deployment.batch,
    text: (v) => `${shown(v)} mJ`,
  },
  { name: "Area", less: true, value: (d) => d.areaMm2, text: (v) => `${shown(v)} mm²` },
  {
    name: "Top-1 accuracy, estimated",
    value: (d) => d.accuracy.estimate,
    text: (v) => percent(v),
    difference: accuracyDifference,
  },
  { name: "Most bytes on chip", less: true, value: (d) => d.peakOnChipBytes, text: bytes },
  { name: "DRAM traffic per image", less: true, value: (d) => d.dramBytes / d.deployment.batch, text: bytes },
  { name: "Use of the multipliers", less: false, value: (d) => d.utilizationFraction, text: (v) => percent(v) },
  { name: "MACs per image", value: (d) => d.network.macCount, text: (v) => shown(v) },
  { name: "Parameters", value: (d) => d.network.paramCount, text: (v) => shown(v) },
  { name: "MAC units", value: (d) => d.chip.macUnits, text: count },
  { name: "Batch", value: (d) => d.deployment.batch, text: count },
];

/** In points; what is smaller than the proxy's own error is no difference. */
function accuracyDifference({ accuracy: mine }: DesignView, { accuracy: theirs }: DesignView): Verdict {
  const difference = mine.estimate - theirs.estimate;
  const error = Math.hypot(mine.standardError, theirs.standardError);
  const points = `${difference > 0 ? "+" : ""}${(100 * difference).toFixed(1)} points`;
  if (Math.abs(difference) <= error) return { text: `${points}, too close to call (± ${(100 * error).toFixed(1)})` };
  const outcome = difference > 0 ? "better" : "worse";
  return { text: `${points} ${outcome}`, outcome };
}

function differenceOf(row: Row, design: DesignView, other: DesignView): Verdict {
  if (row.difference !== undefined) return row.difference(design, other);
  const theirs = row.value(other);
  if (theirs === 0) return { text: "–" };
  const change = row.value(design) / theirs - 1;
  const text = `${change > 0 ? "+" : ""}${percent(change)}`;
  if (row.less === undefined || change === 0) return { text };
  const outcome = row.less === change < 0 ? "better" : "worse";
  return { text: `${text} ${outcome}`, outcome };
}

function Difference({
  design,
  other,
  otherName,
}: {
  readonly design: DesignView;
  readonly other: DesignView | undefined;
  readonly otherName: string;
}) {
  return (
    <Scroll label="Figures of the design">
      <table class="difference">
        <thead>
          <tr>
            <th scope="col">Figure</th>
            <th scope="col" class="number">
              This design
            </th>
            {other !== undefined && (
              <>
                <th scope="col" class="number">
                  {otherName}
                </th>
                <th scope="col" class="number">
                  Difference
                </th>
              </>
            )}
          </tr>
        </thead>
        <tbody>
          {ROWS.map((row) => {
            const difference = other && differenceOf(row, design, other);
            return (
              <tr key={row.name}>
                <th scope="row">{row.name}</th>
                <td class="number">{row.text(row.value(design))}</td>
                {other !== undefined && difference !== undefined && (
                  <>
                    <td class="number">{row.text(row.value(other))}</td>
                    <td class={`number ${difference.outcome ?? ""}`}>{difference.text}</td>
                  </>
                )}
              </tr>
            );
          })}
        </tbody>
      </table>
      <p class="muted">
        Accuracy ± {percent(design.accuracy.standardError)} (standard error of the proxy {design.accuracy.proxy});
        weights {bitsText(design.deployment.weightBits)} bits, activations {bitsText(design.deployment.activationBits)}{" "}
        bits, fusion {design.deployment.fusion}.
      </p>
    </Scroll>
  );
}

const bitsText = (bits: number | readonly number[]): string =>
  typeof bits === "number" ? String(bits) : bits.join("-");
