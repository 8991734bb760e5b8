// `cosearch validate`: our accelerator model against others' tools and silicon, as a table or as a document.

import { validatePaths } from "../../../experiments/validation/validate-folder.js";
import { validationMarkdown } from "../../../experiments/validation/validation-document.js";
import { EXIT } from "../exit-codes.js";
import { type Terminal, table } from "../terminal.js";

export interface ValidateCommandOptions {
  readonly data: readonly string[];
  readonly json?: boolean;
  readonly markdown?: boolean;
}

/** Always EXIT.ok: a figure that differs is a result, not an error. */
export async function validateCommand(options: ValidateCommandOptions, terminal: Terminal): Promise<number> {
  const scores = validatePaths(options.data);
  if (options.json) terminal.out(`${JSON.stringify(scores, null, 2)}\n`);
  else if (options.markdown) terminal.out(validationMarkdown(scores));
  else {
    const percent = (fraction: number): string => `${(100 * fraction).toFixed(2)} %`;
    terminal.out(
      `${table(
        ["file", "format", "figure", "rows", "scored", "exact", "mean error", "median", "worst", "rank"],
        scores.map((score) => [
          score.file,
          score.format,
          score.quantity,
          String(score.rows),
          String(score.scored),
          percent(score.exactShare),
          percent(score.meanAbsErrorFraction),
          percent(score.medianAbsErrorFraction),
          percent(score.worstAbsErrorFraction),
          score.spearman === null ? "-" : score.spearman.toFixed(4),
        ]),
        "",
      )}\n`,
    );
    for (const { file, failures } of scores) {
      for (const { id, quantity, reference, ours, reason } of failures.slice(0, SHOWN)) {
        terminal.out(`${file} ${id}: ${reason ?? `${quantity} is ${ours}, reference ${reference}`}\n`);
      }
      if (failures.length > SHOWN) terminal.out(`${file}: ${failures.length - SHOWN} more; --json lists them all\n`);
    }
  }
  return EXIT.ok;
}

const SHOWN = 8;
