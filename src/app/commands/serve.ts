// `cosearch serve`: the dashboard over a folder of runs, until Ctrl-C.
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { loadStudy } from "../../../experiments/study-file.js";
import { CosearchError } from "../../core/errors.js";
import { readText } from "../../files/documents.js";
import { EXIT } from "../exit-codes.js";
import { listen } from "../server/listen.js";
import type { Terminal } from "../terminal.js";

export interface ServeCommandOptions {
  readonly port: number;
  readonly host: string;
  readonly open?: boolean;
  readonly tokenFile?: string;
  /** study files that clients may start by name */
  readonly study?: readonly string[];
}

/** @throws CosearchError USAGE, FILE_UNREADABLE */
export async function serveCommand(
  runsFolder: string,
  { port, host, open, tokenFile, study = [] }: ServeCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const server = await listen({ runsFolder, host, port, token: tokenOf(tokenFile), studies: studiesOf(study) });
  terminal.out(`dashboard of ${runsFolder}  ${server.url}\n`);
  terminal.err("Ctrl-C ends it; runs go on without it.\n");
  if (open) openInBrowser(server.url, terminal);
  await stopSignal();
  await server.close();
  return EXIT.ok;
}

/** Study files by the name they give themselves; each is checked now rather than when a client asks.
 *  @throws CosearchError as `cosearch run` does for such a file; USAGE for two of one name */
function studiesOf(paths: readonly string[]): Readonly<Record<string, string>> {
  const files = new Map<string, string>();
  for (const path of paths) {
    const { name } = loadStudy(path).study;
    if (files.has(name)) throw new CosearchError("USAGE", `--study ${path}: there are two studies called ${name}`);
    files.set(name, resolve(path));
  }
  return Object.fromEntries(files);
}

/** From a file or the environment, never from the command line, which other users can list. */
export function tokenOf(tokenFile: string | undefined): string | undefined {
  const token = tokenFile === undefined ? process.env.COSEARCH_TOKEN : readText(tokenFile).trim();
  return token === "" ? undefined : token;
}

const OPENERS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
};

function openInBrowser(url: string, terminal: Terminal): void {
  const [command, ...options] = OPENERS[process.platform] ?? ["xdg-open"];
  const child = spawn(command, [...options, url], { stdio: "ignore", detached: true });
  child.on("error", () => terminal.err(`no browser could be opened; go to ${url}\n`));
  child.unref();
}

const stopSignal = (): Promise<void> =>
  new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
