// What a group of commands needs to join the command line.
import type { Command } from "commander";
import type { Terminal } from "../terminal.js";

export interface AddCommand {
  /** A command with its summary and examples; options and action follow on what it returns. */
  readonly add: (usage: string, summary: string, ...exampleLines: string[]) => Command;
  /** The exit code of the command that ran. */
  readonly exit: (code: number) => void;
  readonly terminal: Terminal;
}
