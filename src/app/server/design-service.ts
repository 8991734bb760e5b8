// Computes designs in a worker thread, one after the other, each with a time limit: a manifest that somebody tampered with
// may ask for a network without end, and must neither hold up the server nor the other runs. Answers are remembered.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import type { Candidate } from "../../core/trial.js";
import { packageRoot } from "../../files/package-root.js";
import type { DesignTask } from "./design-worker.js";

export interface DesignServiceOptions {
  readonly timeoutMs?: number;
  /** what runs in the thread; for tests */
  readonly module?: URL;
}

/** Threads run compiled files, also when the server itself runs from its sources (tests). */
const COMPILED_WORKER = pathToFileURL(join(packageRoot, "dist/src/app/server/design-worker.js"));
const MAX_REMEMBERED = 100;
const MAX_WAITING = 20;

export class DesignService {
  readonly #timeoutMs: number;
  readonly #module: URL;
  readonly #remembered = new Map<string, string>();
  #worker: Worker | undefined;
  #number = 0;
  #waiting = 0;
  #queue: Promise<unknown> = Promise.resolve();

  constructor({ timeoutMs = 20_000, module = COMPILED_WORKER }: DesignServiceOptions = {}) {
    this.#timeoutMs = timeoutMs;
    this.#module = module;
  }

  /** JSON of a DesignView or of `{ infeasible }`. @throws Error when it fails, takes too long, or too many wait */
  async view(study: unknown, candidate: Candidate | undefined): Promise<string> {
    const key = JSON.stringify([study, candidate ?? null]);
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    if (this.#waiting >= MAX_WAITING) throw new Error("too many designs are being computed; try again");
    this.#waiting++;
    const task = this.#queue.then(() => this.#compute(study, candidate));
    this.#queue = task.catch(() => undefined);
    try {
      const text = await task;
      if (this.#remembered.size >= MAX_REMEMBERED) {
        this.#remembered.delete(this.#remembered.keys().next().value as string);
      }
      this.#remembered.set(key, text);
      return text;
    } finally {
      this.#waiting--;
    }
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #compute(study: unknown, candidate: Candidate | undefined): Promise<string> {
    const worker = this.#started();
    const number = ++this.#number;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        done();
        this.#worker = undefined;
        void worker.terminate();
        reject(error);
      };
      const onMessage = (answer: { number: number; text?: string; error?: string }): void => {
        if (answer.number !== number) return;
        done();
        if (answer.text !== undefined) resolve(answer.text);
        else reject(new Error(answer.error ?? "the design could not be computed"));
      };
      const onExit = (): void => fail(new Error("the design could not be computed: its thread ended"));
      const timer = setTimeout(
        () => fail(new Error(`the design took longer than ${this.#timeoutMs / 1000} s to compute`)),
        this.#timeoutMs,
      );
      const done = (): void => {
        clearTimeout(timer);
        worker.off("message", onMessage).off("error", fail).off("exit", onExit);
      };
      worker.on("message", onMessage).on("error", fail).on("exit", onExit);
      const task: DesignTask = { number, study, candidate };
      worker.postMessage(task);
    });
  }

  #started(): Worker {
    this.#worker ??= new Worker(this.#module, { resourceLimits: { maxOldGenerationSizeMb: 512 } });
    this.#worker.unref();
    return this.#worker;
  }
}
