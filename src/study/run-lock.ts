// One writer per run folder. The lock is a file that names the process; a lock whose process is gone is taken over at
// once, so that a run killed a moment ago can be resumed now. Lock files that go stale by their age (as proper-lockfile's)
// would make the user wait, or break when a busy process does not touch them in time.
// A process is told from a later one with the same number by its start time and the boot it belongs to (Linux, /proc);
// elsewhere the number alone has to do.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { CosearchError } from "../core/errors.js";

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** boot and start time of the process; null where the system does not tell */
  readonly started: string | null;
}

/** Takes the lock, or throws. @returns gives it back @throws CosearchError RUN_LOCKED naming the process */
export function lockRun(file: string): () => void {
  const mine: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
  const text = JSON.stringify(mine);
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text);
  try {
    // A link appears with its content or not at all, so nobody ever reads half a lock.
    for (let attempt = 0; !linked(draft, file); attempt++) {
      if (attempt === 10) throw locked(file, "other processes that start and stop");
      removeStale(file, `${draft}.stale`);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  let held = true;
  return () => {
    if (held && readLock(file) === text) rmSync(file, { force: true });
    held = false;
  };
}

/** The process that writes a run now; undefined when none does. */
export function lockHolder(file: string): number | undefined {
  const holder = parseHolder(readLock(file));
  return holder !== undefined && isAlive(holder) ? holder.pid : undefined;
}

function linked(draft: string, file: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
  }
  // The file system has no links: the next best is a file that only one process can create.
  try {
    writeFileSync(file, readFileSync(draft), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function removeStale(file: string, aside: string): void {
  const text = readLock(file);
  if (text === undefined) return; // given back meanwhile
  const holder = parseHolder(text);
  if (holder !== undefined && holder.host !== hostname()) throw locked(file, `process ${holder.pid} on ${holder.host}`);
  if (holder !== undefined && isAlive(holder)) throw locked(file, `process ${holder.pid}`);
  // Two processes may come here at once: what was moved away must be the lock that was judged, else it goes back.
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (readLock(aside) !== text) linked(aside, file);
  rmSync(aside, { force: true });
}

function locked(file: string, by: string): CosearchError {
  return new CosearchError(
    "RUN_LOCKED",
    `the run folder is being written by ${by}; wait for it or stop it (if that is wrong, remove ${file})`,
  );
}

function readLock(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function parseHolder(text: string | undefined): Holder | undefined {
  try {
    const holder = JSON.parse(text ?? "") as Holder;
    return Number.isInteger(holder.pid) && holder.pid > 0 ? holder : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder): boolean {
  if (holder.started !== null) {
    const started = startOf(holder.pid);
    if (started !== null || startOf(process.pid) !== null) return started === holder.started;
  }
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // it is there but belongs to someone else
  }
}

/** Boot id and start time (clock ticks) of a live process: fields 3 (state) and 22 of /proc/<pid>/stat, see proc(5). */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // the name in brackets may hold spaces
    if (fields[0] === "Z" || fields[0] === "X") return null; // dead, its parent has not noticed yet
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}/${fields[19]}`;
  } catch {
    return null;
  }
}
