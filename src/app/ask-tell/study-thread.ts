// A study in a thread of its own: an agent's update may compute for seconds, and neither the page nor other studies shall
// wait for it. One message a request, one an answer; a request whose client has gone is called off.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parentPort, Worker, workerData } from "node:worker_threads";
import { CosearchError, type ErrorCode } from "../../core/errors.js";
import { packageRoot } from "../../files/package-root.js";
import { LOCK_FILE } from "../../study/run-folder.js";
import { AskTellStudy } from "./ask-tell-study.js";
import {
  type AskRequest,
  type CreateRequest,
  type EvaluateRequest,
  StudyProblem,
  type TellRequest,
} from "./contract.js";

/** What the thread is started with. */
export type StudyTask =
  | { readonly root: string; readonly request: CreateRequest; readonly files: Readonly<Record<string, string>> }
  | {
      readonly path: string;
      /** a larger budget */
      readonly trials?: number | undefined;
    };

/** What it can be asked for. */
export type StudyCall =
  | { readonly kind: "ask"; readonly request: AskRequest }
  | { readonly kind: "tell"; readonly request: TellRequest }
  | { readonly kind: "evaluate"; readonly request: EvaluateRequest }
  | { readonly kind: "describe" }
  | { readonly kind: "close" };

interface Failure {
  readonly message: string;
  readonly status?: StudyProblem["status"];
  readonly more?: Readonly<Record<string, unknown>>;
  readonly code?: ErrorCode;
}
type Message = { readonly number: number } & ({ readonly answer: unknown } | { readonly failure: Failure });
type Request = { readonly number: number } & ({ readonly call: StudyCall } | { readonly cancel: true });

/** Threads run compiled files, also when the server itself runs from its sources (tests). */
const COMPILED = pathToFileURL(join(packageRoot, "dist/src/app/ask-tell/study-thread.js"));
const CLOSE_MS = 20_000;

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** The server's side. */
export class StudyThread {
  readonly id: string;
  readonly #worker: Worker;
  readonly #root: string;
  readonly #waiting = new Map<number, Waiting>();
  #number = 0;
  #gone = false;

  private constructor(worker: Worker, id: string, root: string) {
    this.id = id;
    this.#worker = worker;
    this.#root = root;
    worker.on("message", ({ number, ...answer }: Message) => {
      const waiting = this.#waiting.get(number);
      this.#waiting.delete(number);
      if ("answer" in answer) waiting?.resolve(answer.answer);
      else waiting?.reject(errorOf(answer.failure));
    });
    worker.once("error", () => undefined); // exit follows
    worker.once("exit", () => this.#exited());
  }

  /** @param root the runs folder  @throws CosearchError as creating or opening the study does */
  static async start(task: StudyTask, root: string): Promise<StudyThread> {
    const worker = new Worker(COMPILED, {
      workerData: { askTell: task },
      resourceLimits: { maxOldGenerationSizeMb: 2048 },
      stdout: false,
    });
    worker.unref();
    const first = await new Promise<Message>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", (code) => reject(new Error(`the study's thread ended with code ${code}`)));
    });
    if ("failure" in first) {
      await worker.terminate();
      throw errorOf(first.failure);
    }
    return new StudyThread(worker, first.answer as string, root);
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Requests under way. */
  get busy(): number {
    return this.#waiting.size;
  }

  /** @throws StudyProblem; 503 when the thread ended */
  call(call: StudyCall, signal?: AbortSignal): Promise<unknown> {
    if (this.#gone) return Promise.reject(threadEnded());
    const number = ++this.#number;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#send({ number, call });
      const cancel = (): void => this.#send({ number, cancel: true });
      if (signal?.aborted) cancel();
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  /** Ends the study; it can be opened again. */
  async close(): Promise<void> {
    if (this.#gone) return;
    const late = setTimeout(() => void this.#worker.terminate(), CLOSE_MS);
    await this.call({ kind: "close" }).catch(() => undefined);
    clearTimeout(late);
    await this.#worker.terminate();
  }

  #send(request: Request): void {
    if (!this.#gone) this.#worker.postMessage(request);
  }

  #exited(): void {
    this.#gone = true;
    for (const { reject } of this.#waiting.values()) reject(threadEnded());
    this.#waiting.clear();
    // A thread that ended by itself (out of memory, say) could not give its folder back. The lock names this process,
    // which lives on, so nobody could ever open the study again.
    rmSync(join(this.#root, this.id, LOCK_FILE), { force: true });
  }
}

const threadEnded = (): StudyProblem => new StudyProblem(503, "the study was closed; send the request again");

function errorOf({ message, status, more, code }: Failure): Error {
  if (status !== undefined) return new StudyProblem(status, message, more);
  return code === undefined ? new Error(message) : new CosearchError(code, message);
}

function failureOf(error: unknown): Failure {
  if (error instanceof StudyProblem) return { message: error.message, status: error.status, more: error.more };
  if (error instanceof CosearchError) return { message: error.message, code: error.code };
  return { message: error instanceof Error ? error.message : String(error) };
}

/** The thread's side. */
async function work(task: StudyTask): Promise<void> {
  const say = (message: Message): void => parentPort?.postMessage(message);
  let study: AskTellStudy;
  try {
    study =
      "path" in task
        ? await AskTellStudy.open(task.path, Date.now, task.trials)
        : await AskTellStudy.create(task.root, task.request, task.files, Date.now);
  } catch (error) {
    say({ number: 0, failure: failureOf(error) });
    return;
  }
  const underWay = new Map<number, AbortController>();
  parentPort?.on("message", async (request: Request) => {
    const { number } = request;
    if ("cancel" in request) return underWay.get(number)?.abort();
    const controller = new AbortController();
    underWay.set(number, controller);
    try {
      say({ number, answer: await answerTo(study, request.call, controller.signal) });
    } catch (error) {
      say({ number, failure: failureOf(error) });
    } finally {
      underWay.delete(number);
    }
  });
  say({ number: 0, answer: study.id });
}

function answerTo(study: AskTellStudy, call: StudyCall, signal: AbortSignal): unknown {
  switch (call.kind) {
    case "ask":
      return study.ask(call.request, signal);
    case "tell":
      return study.tell(call.request);
    case "evaluate":
      return study.evaluate(call.request, signal);
    case "describe":
      return study.describe();
    case "close":
      return study.close();
  }
}

const given = (workerData as { askTell?: StudyTask } | null)?.askTell;
if (given !== undefined) await work(given);
