// policy.jsonl: what the controller would draw, over the run; the form that heat maps and histograms read.
// One line per update: {"trialCount":64,"policy":{"accelerator/peRows":[0.1,0.6,0.3],...}}, each list in the order of the knob's
// values in manifest.json, rounded to four digits; a knob that counted in no candidate of the batch is absent. Long runs leave
// lines out, so that their number grows with the logarithm of the trials. No line for agents without a policy.
import type { PolicyProbabilities } from "../core/agent.js";
import { readLines } from "./durable.js";

export const POLICY_FILE = "policy.jsonl";

/** Lines that are at least this share of the trials so far apart. */
const SHARE_BETWEEN = 1 / 256;
const DIGITS = 10_000;

/** What the policy was that proposed the batch which ended at `trialCount`. */
export interface PolicyRecord {
  readonly trialCount: number;
  readonly policy: PolicyProbabilities;
}

/** Whether a line is due, which depends on the trials alone: a resumed run writes the same ones. */
export const isPolicyDue = (trialCount: number, lastTrialCount: number): boolean =>
  trialCount - lastTrialCount >= SHARE_BETWEEN * trialCount;

/** Probabilities as they are recorded: four digits. */
export function roundedPolicy(policy: PolicyProbabilities): PolicyProbabilities {
  return Object.fromEntries(
    Object.entries(policy).map(([knob, list]) => [knob, list.map((p) => Math.round(p * DIGITS) / DIGITS)]),
  );
}

/** The records of a run, one at a time; ends at a line that cannot be read. No file, no records. */
export function* policiesIn(file: string): Generator<PolicyRecord> {
  for (const { text } of readLines(file)) {
    const record = policyRecordOf(text);
    if (record === undefined) return;
    yield record;
  }
}

/** A line as a record; undefined when it is none. */
export function policyRecordOf(text: string): PolicyRecord | undefined {
  try {
    const record = JSON.parse(text) as Partial<PolicyRecord> | null;
    return typeof record?.trialCount === "number" && typeof record.policy === "object" && record.policy !== null
      ? (record as PolicyRecord)
      : undefined;
  } catch {
    return undefined;
  }
}
