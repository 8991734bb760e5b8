// What the command's exit code means, and which error code leads to which; docs/command-line.md is checked against it.
import type { ErrorCode } from "../core/errors.js";

export const EXIT = {
  ok: 0,
  internal: 1,
  input: 2,
  runFailed: 3,
  infeasible: 4,
  interrupted: 130,
} as const;

export const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: "it worked",
  internal: "a defect of cosearch; please report it",
  input: "a command line, file, name or value that cannot be used; nothing was written",
  runFailed: "a run that stopped on an error, or a run folder that cannot be continued",
  infeasible: "`evaluate`, `map`, `export`: the design cannot be built; the document says why",
  interrupted: "stopped by Ctrl-C or SIGTERM; the run can be resumed",
};

/** Codes of runs that fail, as opposed to input that cannot be used. */
const RUN_FAILURES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "AGENT_DIVERGED",
  "AGENT_BAD_STATE",
  "TRAINING_DIVERGED",
  "ENVIRONMENT_BAD_RESULT",
  "EVALUATION_FAILED",
  "RUN_LOCKED",
  "RUN_DAMAGED",
  "RUN_VERSION",
  "RUN_DIVERGED",
  "BACKEND_UNAVAILABLE",
]);

export const exitCodeOf = (code: ErrorCode): number => (RUN_FAILURES.has(code) ? EXIT.runFailed : EXIT.input);
