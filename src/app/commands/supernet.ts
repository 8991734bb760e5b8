// `cosearch supernet train` and `cosearch supernet calibrate`: a weight-sharing supernet, and how far its scores can be trusted.
import { writeFileSync } from "node:fs";
import {
  calibrateSupernet,
  type SupernetProgress,
  type SupernetSummary,
  trainSupernet,
} from "../../../experiments/supernet.js";
import { CosearchError } from "../../core/errors.js";
import { EXIT } from "../exit-codes.js";
import type { Terminal } from "../terminal.js";

export interface TrainSupernetOptions {
  readonly out: string;
  readonly resume?: boolean;
  readonly checkpointEvery: number;
  readonly quiet?: boolean;
  readonly json?: boolean;
  /** settings of the training that were given */
  readonly [setting: string]: unknown;
}

const NOT_SETTINGS: ReadonlySet<string> = new Set(["out", "resume", "checkpointEvery", "quiet", "json"]);
const PROGRESS_SECONDS = 10;

/** @returns EXIT.interrupted after Ctrl-C, when it has said how to go on */
export async function trainSupernetCommand(
  space: string | undefined,
  options: TrainSupernetOptions,
  terminal: Terminal,
): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    terminal.err("\nstopping after this step; once more to stop at once\n");
    stop.abort();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const summary = await trainSupernet({
      space,
      out: options.out,
      resume: options.resume === true,
      settings: Object.fromEntries(
        Object.entries(options).filter(([name, value]) => !NOT_SETTINGS.has(name) && value !== undefined),
      ),
      checkpointEvery: options.checkpointEvery,
      signal: stop.signal,
      onStep: options.quiet ? () => undefined : progressLines(terminal),
    });
    terminal.out(options.json ? `${JSON.stringify(summary, null, 2)}\n` : summaryText(summary));
    return summary.status === "finished" ? EXIT.ok : EXIT.interrupted;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

/** A line every ten seconds: steps, loss, steps per second, time left. */
function progressLines(terminal: Terminal): (progress: SupernetProgress) => void {
  const began = performance.now();
  let first: number | undefined;
  let shown = began;
  return ({ stepsDone, steps, loss }) => {
    const now = performance.now();
    first ??= stepsDone - 1;
    if (now - shown < 1000 * PROGRESS_SECONDS && stepsDone < steps) return;
    shown = now;
    const rate = (stepsDone - first) / ((now - began) / 1000);
    const left = Math.ceil((steps - stepsDone) / rate);
    terminal.err(
      `step ${stepsDone} of ${steps}, loss ${loss.toFixed(3)}, ${rate.toFixed(2)} steps/s, ${left} s left\n`,
    );
  };
}

function summaryText({ checkpoint, space, status, stepsDone, steps, weightCount, loss }: SupernetSummary): string {
  const lossText = loss === null ? "" : `, last loss ${loss.toFixed(3)}`;
  const next =
    status === "finished"
      ? `use it   accuracy: { proxy: supernet, checkpoint: ${checkpoint} }\n` +
        `trust it cosearch supernet calibrate ${checkpoint}\n`
      : `go on    cosearch supernet train --resume --out ${checkpoint}\n`;
  return `${status}: supernet of ${space}, ${stepsDone} of ${steps} steps, ${weightCount} weights${lossText}\nwritten  ${checkpoint}\n${next}`;
}

export interface CalibrateSupernetOptions {
  readonly subnets: number;
  readonly seeds: number;
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly report?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** @throws CosearchError FILE_*, CHECKPOINT_BAD, USAGE */
export async function calibrateSupernetCommand(
  file: string,
  options: CalibrateSupernetOptions,
  terminal: Terminal,
): Promise<number> {
  const { subnets, seeds, steps, batch, learningRate, report } = options;
  const command =
    `cosearch supernet calibrate ${file} --subnets ${subnets} --seeds ${seeds} --steps ${steps} --batch ${batch} ` +
    `--learning-rate ${learningRate}${report === undefined ? "" : ` --report ${report}`}`;
  const training = { subnets, seeds, steps, batch, learningRate };
  const { page, results, ...fit } = await calibrateSupernet(file, training, command, (result, count) => {
    if (options.quiet) return;
    const alone = result.accuracies.map((accuracy) => `${(100 * accuracy).toFixed(1)} %`).join(", ");
    const inherited = `${(100 * result.inherited).toFixed(1)} %`;
    terminal.err(`${count} of ${subnets}: ${result.name}: inherited ${inherited}, by itself ${alone}\n`);
  });
  if (report !== undefined) write(report, page);
  terminal.out(options.json ? `${JSON.stringify({ ...fit, results }, null, 2)}\n` : page);
  if (!options.json) terminal.out(`written  ${file}${report === undefined ? "" : `, ${report}`}\n`);
  return EXIT.ok;
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new CosearchError("USAGE", `--report ${file}: ${(error as Error).message}`, { cause: error });
  }
}
