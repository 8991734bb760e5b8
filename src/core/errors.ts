// Coded errors: what a bad program, file or option throws. A bad *design* is never an error, see `Infeasible` in trial.ts.
// Every code is listed here once, with what it means; docs/errors.md is checked against this list by a test.

/** Code and meaning of every error that cosearch throws on purpose. */
export const ERROR_CODES = {
  SPACE_UNKNOWN_KNOB: "a name that is no knob of the space",
  SPACE_BAD_VALUE: "a value that is not in the knob's list",
  SPACE_BAD_RULE: "a rule on combinations of values that names no knob, or rules that leave no point",
  SPACE_BAD_KNOB: "a knob that is defined wrongly (no values, a value twice, a condition on a later knob)",
  SPACE_NOT_A_POINT: "an assignment or a code that is not a point of the space (missing, extra or inactive knob)",
  SPACE_UNKNOWN: "a search space name that is not built in and no file",
  SPACE_EMPTY: "a space without a single decision left",
  SPACE_TOO_LARGE: "an enumeration of a space with more points than the stated limit",
  TEMPLATE_BAD_REFERENCE: "a space's template refers to a knob that is not there, or is written wrongly",
  FILE_UNREADABLE: "a file that does not exist or cannot be read",
  FILE_BAD_SYNTAX: "a file that is not valid YAML or JSON",
  FILE_BAD_VALUE: "a key or value that the file's schema does not allow",
  NETWORK_BAD_SHAPE: "a network whose layers do not fit together",
  NETWORK_UNKNOWN: "a network name that is not built in and no file",
  ACCELERATOR_UNKNOWN: "an accelerator name that is not built in and no file",
  ACCELERATOR_BAD: "an accelerator description that contradicts itself",
  ENERGY_UNKNOWN_COMPONENT: "a component, node or precision that the energy and area tables do not know",
  MAPPING_BAD: "a mapping that does not belong to the layer or the accelerator",
  EXPORT_UNSUPPORTED: "a layer, accelerator or mapping that a format of another tool cannot express",
  STUDY_UNKNOWN: "a study name that is not built in and no file",
  STUDY_BAD: "a study that contradicts itself",
  AGENT_UNKNOWN: "an agent name that is not registered",
  AGENT_BAD_OPTION: "a hyper-parameter that the agent does not have or does not allow",
  AGENT_DIVERGED: "a loss, gradient or weight that is not a finite number; the run stops with the last good checkpoint",
  AGENT_BAD_STATE: "an agent state that belongs to another agent, space or version",
  AGENT_BAD_PROPOSAL: "a proposal that is no point of the space, or more candidates than were asked for",
  PROXY_UNKNOWN: "an accuracy proxy that is not registered",
  CHECKPOINT_BAD: "a supernet checkpoint that is damaged, of another version, or of another search space",
  TRAINING_DIVERGED: "a supernet whose loss or gradient is not a finite number; the last good checkpoint stays",
  REWARD_BAD: "a reward that names a metric that the environment does not return, or an exponent that is no number",
  ENVIRONMENT_BAD_RESULT: "an environment that returned something other than a measured or an infeasible evaluation",
  EVALUATION_FAILED: "an evaluation that threw; the message holds the candidate and the cause",
  RUN_NOT_FOUND: "a run folder that is not there or is no run folder",
  RUN_LOCKED: "a run folder that another live process is writing",
  RUN_DAMAGED: "a run folder whose manifest or trials cannot be read",
  RUN_VERSION: "a run folder written in a format that this version does not read",
  RUN_EXISTS: "a run folder that exists already",
  RUN_DIVERGED: "a resumed run whose trials differ from the recorded ones",
  BACKEND_UNAVAILABLE: "a tensor backend that was asked for and does not load, or WebAssembly without SIMD",
  USAGE: "a command line that is not understood",
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** An error with a stable code; the message names the file, the key, the value and what is allowed. */
export class CosearchError extends Error {
  override readonly name = "CosearchError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The candidate nearest to `word` by edit distance, when it is near enough to be what was meant. */
export function nearMiss(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `; did you mean "x"?` or the list of what is allowed, to end an error message with. */
export function suggestion(word: string, candidates: readonly string[]): string {
  const near = nearMiss(word, candidates);
  if (near !== undefined) return `; did you mean "${near}"?`;
  if (candidates.length === 0) return "";
  const shown = candidates.slice(0, 12).join(", ");
  return `; allowed: ${shown}${candidates.length > 12 ? `, ... (${candidates.length} in all)` : ""}`;
}

/** Edits between two words: one letter inserted, left out or replaced, or two neighbours swapped (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let distance = Math.min(substitution, previous[j]! + 1, current[j - 1]! + 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) distance = Math.min(distance, beforePrevious[j - 2]! + 1);
      current.push(distance);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length]!;
}
