// One run: its head with controls, and its four views.
import { useState } from "preact/hooks";
import type { RunDetail, StatusMessage } from "../app/server/api.js";
import { control, useJson } from "./api.js";
import { Curves } from "./curves.js";
import { Design } from "./design.js";
import { Front } from "./front.js";
import { Figure, Loading, Problem, StatusBadge } from "./parts.js";
import { Policy } from "./policy.js";
import { type Route, runLink, type Tab } from "./route.js";
import { count, shown } from "./words.js";

const TABS: readonly (readonly [Tab, string])[] = [
  ["curves", "Curves"],
  ["policy", "Policy"],
  ["front", "Front"],
  ["design", "Design"],
];

export function Run({ route }: { readonly route: Extract<Route, { view: "run" }> }) {
  const { id, tab } = route;
  const [live, setLive] = useState<StatusMessage>();
  const { value, error, reload } = useJson<RunDetail>(`api/runs/${encodeURIComponent(id)}`, 3000);
  if (value === undefined) return error === undefined ? <Loading /> : <Problem text={error} />;
  const run: RunDetail =
    live === undefined || live.trials < value.trials
      ? value
      : { ...value, status: live.status, trials: live.trials, budget: live.budget };
  return (
    <>
      <div class="head">
        <h1>{id}</h1>
        <StatusBadge status={run.status} />
      </div>
      <p class="muted">{run.description}</p>
      <dl class="figures">
        <Figure name="Trials">
          <span data-trials={run.trials}>{count(run.trials)}</span> / {count(run.budget)}
        </Figure>
        <Figure name="Best feasible reward">
          {run.bestTrial === null ? (
            "–"
          ) : (
            <a
              href={runLink(id, "design", run.bestTrial)}
              aria-label={`${shown(run.bestReward)}, design of trial ${run.bestTrial}`}
            >
              {shown(run.bestReward)}
            </a>
          )}
        </Figure>
        <Figure name="Feasible">
          {run.trials === 0 ? "–" : `${((100 * run.feasible) / run.trials).toFixed(1)} %`}
        </Figure>
        <Figure name="Front on two axes">{run.frontSize} designs</Figure>
        <Figure name="Agent">
          {run.agent}, seed {run.seed}
        </Figure>
        <Figure name="Time">{shown(run.wallSeconds, 3)} s</Figure>
      </dl>
      <Controls run={run} changed={reload} />
      <nav class="tabs" aria-label="Views of the run">
        {TABS.map(([name, text]) => (
          <a key={name} href={runLink(id, name)} aria-current={tab === name ? "page" : undefined}>
            {text}
          </a>
        ))}
      </nav>
      {tab === "curves" && <Curves run={run} onStatus={setLive} />}
      {tab === "policy" && <Policy run={run} />}
      {tab === "front" && <Front run={run} />}
      {tab === "design" && (
        <Design run={run} trial={route.trial ?? run.bestTrial ?? 0} other={route.other ?? "reference"} />
      )}
    </>
  );
}

function Controls({ run, changed }: { readonly run: RunDetail; readonly changed: () => void }) {
  const [said, setSaid] = useState<{ text: string; bad: boolean }>();
  const [budget, setBudget] = useState("");
  const running = run.status === "running" || run.status === "paused";
  const send = (request: Parameters<typeof control>[1], text: string): void => {
    control(run.id, request).then(
      () => {
        setSaid({ text, bad: false });
        changed();
      },
      (error: Error) => setSaid({ text: error.message, bad: true }),
    );
  };
  const raise = (event: SubmitEvent): void => {
    event.preventDefault();
    send({ action: "raise", trials: Number(budget) }, `The budget will be ${budget} trials.`);
  };
  return (
    <form class="toolbar" aria-label="Controls" onSubmit={raise}>
      {run.status === "paused" ? (
        <button type="button" onClick={() => send({ action: "resume" }, "The run goes on.")}>
          Resume
        </button>
      ) : (
        <button
          type="button"
          disabled={!running}
          onClick={() => send({ action: "pause" }, "The run pauses after this batch.")}
        >
          Pause
        </button>
      )}
      <button
        type="button"
        disabled={!running}
        onClick={() => send({ action: "stop" }, "The run stops after this batch.")}
      >
        Stop
      </button>
      <label>
        Budget
        <input
          type="number"
          min={run.budget + 1}
          placeholder={String(run.budget * 2)}
          required
          disabled={!running && !run.hasClients}
          value={budget}
          onInput={(event) => setBudget(event.currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={!running && !run.hasClients}>
        Raise
      </button>
      {!running && run.hasClients && <span class="muted">It goes on with its clients' next request.</span>}
      {!running && !run.hasClients && (
        <span class="muted">
          Go on with{" "}
          <code>
            cosearch resume …/{run.id} --trials {run.budget * 2}
          </code>
        </span>
      )}
      <span role="status" class={said?.bad ? "problem" : "muted"}>
        {said?.text}
      </span>
    </form>
  );
}
