// One watcher per run that somebody looks at: it reads what was added and sends it to all of them, made into text once.
// Event ids are `<trials>.<updates>` already sent, so that a browser that reconnects gets what it missed and nothing twice.
import type { LiveMessage, StatusMessage } from "./api.js";
import { type RunColumns, secondsAt } from "./run-columns.js";
import { messageOf, type OpenRun, type RunStore } from "./run-store.js";

/** How far a browser has got. */
export interface Position {
  readonly trials: number;
  readonly updates: number;
}

export interface ServerEvent {
  readonly id?: string;
  readonly event: "trials" | "status" | "reset" | "problem";
  readonly data: string;
}

/** A browser further behind than this gets told to load the curves again instead. */
export const MAX_CATCH_UP = 5000;
const POLL_MS = 80;
/** With more browsers than this on a run they hear of it less often, which bounds what they cost the machine. */
const FEW_SUBSCRIBERS = 10;
const POLL_FOR_MANY_MS = 200;
const MAX_SUBSCRIBERS = 500;

interface Subscriber {
  position: Position;
  send(event: ServerEvent): void;
}

export class LiveRuns {
  readonly #store: RunStore;
  readonly #watchers = new Map<string, Watcher>();

  constructor(store: RunStore) {
    this.#store = store;
  }

  get subscribers(): number {
    return [...this.#watchers.values()].reduce((sum, watcher) => sum + watcher.size, 0);
  }

  /** Sends what stands after `position`, then what comes. @returns ends it; undefined when there are too many */
  subscribe(id: string, position: Position, send: (event: ServerEvent) => void): (() => void) | undefined {
    if (this.subscribers >= MAX_SUBSCRIBERS) return undefined;
    let watcher = this.#watchers.get(id);
    if (watcher === undefined) {
      watcher = new Watcher(this.#store, id);
      this.#watchers.set(id, watcher);
    }
    const subscriber = { position, send };
    watcher.add(subscriber);
    return () => {
      watcher.remove(subscriber);
      if (watcher.size === 0) this.#watchers.delete(id);
    };
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}

class Watcher {
  readonly #store: RunStore;
  readonly #id: string;
  readonly #subscribers = new Set<Subscriber>();
  #timer: NodeJS.Timeout | undefined;
  #status = "";
  #closed = false;
  #beats = 0;

  constructor(store: RunStore, id: string) {
    this.#store = store;
    this.#id = id;
  }

  get size(): number {
    return this.#subscribers.size;
  }

  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
    this.#status = ""; // the newcomer hears it too
    if (this.#timer === undefined) this.#schedule(0);
  }

  remove(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    if (this.size === 0) this.close();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #schedule(ms: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#look(), ms);
  }

  async #look(): Promise<void> {
    try {
      const run = await this.#store.run(this.#id);
      if (this.#closed) return;
      this.#tell(run);
    } catch (error) {
      this.#broadcast({ event: "problem", data: JSON.stringify({ error: messageOf(error) }) });
    }
    this.#schedule(this.size > FEW_SUBSCRIBERS ? POLL_FOR_MANY_MS : POLL_MS);
  }

  #tell(run: OpenRun): void {
    const { columns, folder, manifest } = run;
    const now: Position = { trials: columns.count, updates: columns.updates.length };
    const texts = new Map<string, string>(); // those at the same place get the same text
    for (const subscriber of this.#subscribers) {
      const { position } = subscriber;
      const behind = now.trials - position.trials;
      if (behind === 0 && now.updates === position.updates) continue;
      subscriber.position = now;
      const id = `${now.trials}.${now.updates}`;
      if (behind < 0 || behind > MAX_CATCH_UP) {
        subscriber.send({ id, event: "reset", data: "{}" });
        continue;
      }
      const key = `${position.trials}.${position.updates}`;
      const data = texts.get(key) ?? JSON.stringify(messageBetween(columns, position, now));
      texts.set(key, data);
      subscriber.send({ id, event: "trials", data });
    }
    const message: StatusMessage = {
      status: this.#store.status(folder),
      trials: columns.count,
      budget: manifest.trials,
    };
    const status = JSON.stringify({ ...message, trials: 0 });
    // said again now and then, which also keeps proxies from closing a quiet line
    if (status === this.#status && ++this.#beats % 100 !== 0) return;
    this.#status = status;
    this.#broadcast({ event: "status", data: JSON.stringify(message) });
  }

  #broadcast(event: ServerEvent): void {
    for (const { send } of this.#subscribers) send(event);
  }
}

/** The trials and updates between two places. */
export function messageBetween(columns: RunColumns, from: Position, to: Position): LiveMessage {
  const slice = (values: Float64Array | Uint8Array): number[] => Array.from(values.subarray(from.trials, to.trials));
  return {
    from: from.trials,
    reward: slice(columns.reward),
    feasible: slice(columns.feasible),
    metrics: Object.fromEntries(
      columns.metricNames.map((name) => [
        name,
        slice(columns.metric(name)!).map((value) => (Number.isNaN(value) ? null : value)),
      ]),
    ),
    seconds: secondsAt(columns.times, to.trials),
    updates: columns.updates.slice(from.updates, to.updates),
  };
}

/** `<trials>.<updates>` as a browser gives it back; undefined when it is something else. */
export function parsePosition(text: string | undefined): Position | undefined {
  const match = /^(\d{1,9})\.(\d{1,9})$/.exec(text ?? "");
  return match === null ? undefined : { trials: Number(match[1]), updates: Number(match[2]) };
}
