// Writes a run for TensorBoard: `tensorboard --logdir runs` shows every run under its id. Scalars of each update,
// hyper-parameters, and for each knob histograms of the values that were proposed and of the policy's probabilities. The step is the number of trials.
// A run that goes on appends to its file; no step is written twice, whatever the session before had written.
import type { SpaceData } from "../../core/space.js";
import type { RunEvent, RunHead } from "../../study/events.js";
import type { RunListener } from "../../study/listeners.js";
import type { Clock } from "../../study/run-folder.js";
import { plainValues } from "../plain-values.js";
import { type Step, StepSeries } from "../step-series.js";
import { EventFile } from "./event-file.js";
import {
  histogramValue,
  SESSION_END,
  SESSION_START,
  scalarValue,
  sessionEndValue,
  sessionStartValue,
  summaryEvent,
} from "./events.js";
import { KnobHistograms } from "./knob-histograms.js";

export interface TensorboardOptions {
  readonly space: SpaceData;
  /** the agent's options and what else tells runs apart; study, agent and seed are added */
  readonly hparams: Readonly<Record<string, unknown>>;
  readonly clock: Clock;
}

/** A listener that writes `events.out.tfevents.<seconds>.cosearch` into the run folder. */
export function tensorboard({ space, hparams, clock }: TensorboardOptions): RunListener {
  const series = new StepSeries(clock);
  const knobs = new KnobHistograms(space);
  let file: EventFile | undefined;

  const write = (open: EventFile, { trialCount, wallMs, scalars, trials, policy }: Step): void => {
    const histograms = knobs.add(trials, trialCount, policy);
    if (trialCount <= open.lastStep) return;
    const values = Object.entries(scalars).map(([tag, value]) => scalarValue(tag, value));
    for (const { tag, counts, about } of histograms) {
      values.push(histogramValue(tag, counts, open.tags.has(tag) ? undefined : about));
      open.tags.add(tag);
    }
    open.append(summaryEvent(wallMs, trialCount, values));
  };
  const close = (): void => {
    file?.close();
    file = undefined;
  };

  return {
    name: "TensorBoard",
    next(event: RunEvent): void {
      if (event.kind === "started" || event.kind === "resumed") file = opened(event.run, hparams, clock());
      if (file === undefined) return;
      for (const step of series.hear(event)) write(file, step);
      if (event.kind === "finished" && !file.tags.has(SESSION_END)) {
        file.append(summaryEvent(clock(), event.summary.trialCount, [sessionEndValue(clock())]));
      }
    },
    complete: close,
    error: close,
  };
}

function opened(run: RunHead, hparams: Readonly<Record<string, unknown>>, nowMs: number): EventFile {
  const file = new EventFile(run.runFolder, nowMs);
  if (file.tags.has(SESSION_START)) return file;
  const { studyName: study, agentName: agent, seed } = run;
  const shown = { study, agent, seed, ...plainValues(hparams) };
  file.append(summaryEvent(nowMs, 0, [sessionStartValue(shown, nowMs)]));
  return file;
}
