// `cosearch fit-accuracy`: the accuracy surrogate, fitted again to the data of a folder; a study names the file by
// `accuracy: { proxy: imagenet-surrogate, fitted: FILE }`.
import { writeFileSync } from "node:fs";
import { fitSurrogate } from "../../../experiments/calibrate-proxy.js";
import { CosearchError } from "../../core/errors.js";
import { EXIT } from "../exit-codes.js";
import type { Terminal } from "../terminal.js";

export interface FitAccuracyCommandOptions {
  readonly data: string;
  readonly out: string;
  readonly report?: string;
}

/** @throws CosearchError FILE_UNREADABLE, FILE_BAD_SYNTAX, FILE_BAD_VALUE, USAGE */
export async function fitAccuracyCommand(options: FitAccuracyCommandOptions, terminal: Terminal): Promise<number> {
  const { json, report, summary } = fitSurrogate(options.data);
  write("--out", options.out, json);
  if (options.report !== undefined) write("--report", options.report, report);
  terminal.out(`${summary}\nwritten  ${options.out}\n`);
  return EXIT.ok;
}

function write(option: string, file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new CosearchError("USAGE", `${option} ${file}: ${(error as Error).message}`, { cause: error });
  }
}
