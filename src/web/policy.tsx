// What the controller learned and when: for each knob the probability that the policy gave every value, over the run, or, for
// an agent without a policy, the share of each value in what was proposed.
import { useEffect, useRef, useState } from "preact/hooks";
import type { PolicyMap, RunDetail } from "../app/server/api.js";
import { useJson } from "./api.js";
import { Loading, Problem } from "./parts.js";
import { count, percent, valueText } from "./words.js";

type Knob = PolicyMap["knobs"][number];

export function Policy({ run }: { readonly run: RunDetail }) {
  const [of, setOf] = useState<PolicyMap["source"]>("policy");
  const { value, error } = useJson<PolicyMap>(
    `api/runs/${encodeURIComponent(run.id)}/policy?windows=60&of=${of}`,
    run.controllable ? 3000 : undefined,
  );
  const [order, setOrder] = useState<"space" | "decided">("space");
  const [filter, setFilter] = useState("");
  if (value === undefined) return error === undefined ? <Loading /> : <Problem text={error} />;
  if (value.ends.length === 0) return <p class="muted">No trials yet.</p>;
  const knobs = value.knobs.filter(({ name }) => name.toLowerCase().includes(filter.toLowerCase()));
  if (order === "decided") knobs.sort((a, b) => (a.entropy[1] ?? 0) - (b.entropy[1] ?? 0));
  return (
    <>
      <p>
        {value.source === "policy"
          ? "The probabilities that the policy itself gave each value"
          : "Share of each value among the candidates that were proposed"}
        , over {count(value.ends.at(-1) ?? 0)} trials in {value.ends.length} windows. Darker is more.
        {!value.hasPolicy && ` The agent ${run.agent} records no policy; shares estimate what it prefers.`}
      </p>
      <div class="toolbar">
        <label>
          Filter
          <input
            type="search"
            value={filter}
            placeholder="knob"
            onInput={(event) => setFilter(event.currentTarget.value)}
          />
        </label>
        {value.hasPolicy && (
          <label>
            Show
            <select value={of} onChange={(event) => setOf(event.currentTarget.value as PolicyMap["source"])}>
              <option value="policy">the policy's probabilities</option>
              <option value="proposed">what was proposed</option>
            </select>
          </label>
        )}
        <label>
          Order
          <select value={order} onChange={(event) => setOrder(event.currentTarget.value as "space" | "decided")}>
            <option value="space">as in the space</option>
            <option value="decided">most decided first</option>
          </select>
        </label>
      </div>
      <div class="knobs">
        {knobs.map((knob) => (
          <KnobMap key={knob.name} knob={knob} isPolicy={value.source === "policy"} />
        ))}
      </div>
    </>
  );
}

const CELL_HEIGHT = 16;

function KnobMap({ knob, isPolicy }: { readonly knob: Knob; readonly isPolicy: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const windows = knob.share.length;
  const last = knob.share.at(-1) ?? [];
  const [before, now] = [knob.entropy[0] ?? 0, knob.entropy[1] ?? 0];
  useEffect(() => {
    const draw = (): void => {
      const context = canvas.current?.getContext("2d");
      if (!context) return;
      const style = getComputedStyle(document.documentElement);
      context.clearRect(0, 0, windows, knob.values.length);
      context.fillStyle = style.getPropertyValue("--c1");
      knob.share.forEach((shares, w) => {
        shares.forEach((share, v) => {
          context.globalAlpha = Math.min(1, share);
          context.fillRect(w, v, 1, 1);
        });
      });
    };
    draw();
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => scheme.removeEventListener("change", draw);
  }, [knob, windows]);
  const top = last.indexOf(Math.max(...last));
  const summary = `${knob.name}: entropy from ${before.toFixed(2)} to ${now.toFixed(2)}; ${isPolicy ? "most probable" : "most proposed"} at the end: ${valueText(knob.values[top] ?? "")} (${percent(last[top] ?? 0, 0)})`;
  return (
    <figure class="knob">
      <figcaption>
        <strong>{knob.name}</strong>
        <span class="muted" title="entropy of the first and the last window, 1: even, 0: one value alone">
          entropy {before.toFixed(2)} → {now.toFixed(2)}
        </span>
      </figcaption>
      <div class="heat">
        <ul aria-hidden="true">
          {knob.values.map((value) => (
            <li key={String(value)}>{valueText(value)}</li>
          ))}
        </ul>
        <canvas
          ref={canvas}
          width={windows}
          height={knob.values.length}
          style={{ height: `${knob.values.length * CELL_HEIGHT}px` }}
          role="img"
          aria-label={summary}
        />
        <ul aria-hidden="true" class="number">
          {last.map((share, v) => (
            <li key={String(knob.values[v])}>{percent(share, 0)}</li>
          ))}
        </ul>
      </div>
    </figure>
  );
}
