// The command line of the programs in this folder: `--help` lists what they take, and what they do not take ends with one line and
// exit code 2, as `cosearch` itself does.
import { type ParseArgsConfig, parseArgs } from "node:util";
import { suggestion } from "../src/core/errors.js";

type OptionsConfig = NonNullable<ParseArgsConfig["options"]>;
type Values<T extends OptionsConfig> = ReturnType<typeof parseArgs<{ options: T }>>["values"];

export interface ScriptFacts {
  /** how the program is called, e.g. `node dist/experiments/growth.js` */
  readonly command: string;
  /** what it is for, one sentence */
  readonly about: string;
}

/** What one program's command line says: its options, or the text that it ends with. */
export type Parsed<T extends OptionsConfig> =
  | { readonly kind: "values"; readonly values: Values<T> }
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "wrong"; readonly text: string };

/** @param args without the interpreter and the program
 *  @param meanings what each option says, in the words of `--help` */
export function parseScript<const T extends OptionsConfig>(
  args: readonly string[],
  facts: ScriptFacts,
  options: T,
  meanings: { readonly [name in keyof T]: string },
): Parsed<T> {
  const unknown = args.find((word) => word.startsWith("--") && !(nameOf(word) in options) && word !== "--help");
  if (args.includes("--help") || args.includes("-h")) return { kind: "help", text: helpOf(facts, options, meanings) };
  if (unknown !== undefined) {
    const known = Object.keys(options).map((name) => `--${name}`);
    return { kind: "wrong", text: `unknown option --${nameOf(unknown)}${suggestion(`--${nameOf(unknown)}`, known)}` };
  }
  try {
    return { kind: "values", values: parseArgs({ args: [...args], options }).values as Values<T> };
  } catch (error) {
    const [text = ""] = (error as Error).message.split(/\. |\n/);
    return { kind: "wrong", text };
  }
}

/** The options of the running program. Prints and ends the process where they ask for help or are wrong. */
export function scriptOptions<const T extends OptionsConfig>(
  facts: ScriptFacts,
  options: T,
  meanings: { readonly [name in keyof T]: string },
): Values<T> {
  const parsed = parseScript(process.argv.slice(2), facts, options, meanings);
  if (parsed.kind === "values") return parsed.values;
  if (parsed.kind === "help") process.stdout.write(parsed.text);
  else process.stderr.write(`error USAGE: ${parsed.text}\n`);
  process.exit(parsed.kind === "help" ? 0 : 2);
}

const nameOf = (word: string): string => word.slice(2).split("=")[0]!;

function helpOf(
  { command, about }: ScriptFacts,
  options: OptionsConfig,
  meanings: Readonly<Record<string, string>>,
): string {
  const rows = Object.entries(options).map(([name, { type, default: preset }]): [string, string] => {
    const isLong = String(preset).length > 60;
    const told = preset === undefined || preset === false || isLong ? "" : ` (default ${[preset].flat().join(" ")})`;
    return [`--${name}${type === "string" ? " VALUE" : ""}`, `${meanings[name]}${told}`];
  });
  const width = Math.max(...rows.map(([option]) => option.length));
  return `${about}\n\nUsage: ${command} [options]\n\n${rows.map(([option, text]) => `  ${option.padEnd(width)}  ${text}\n`).join("")}`;
}
