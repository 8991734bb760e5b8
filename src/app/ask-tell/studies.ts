// The ask / tell studies beneath one runs folder: each is opened with the first request for it and then stays at work. After
// a restart of the server the next request opens it again, where it was.
import { CosearchError, type ErrorCode } from "../../core/errors.js";
import { readManifest } from "../../study/manifest.js";
import { checkedExchange } from "./check-request.js";
import { type CreateRequest, exchangeOf, type StudiesAnswer, type StudyAnswer, StudyProblem } from "./contract.js";
import { type StudyCall, StudyThread } from "./study-thread.js";

export interface StudiesOptions {
  readonly runsFolder: string;
  /** name -> path of studies that clients may start by name, besides the built-in ones */
  readonly files?: Readonly<Record<string, string>>;
  /** the real folder of a run. @throws when there is none */
  readonly folderOf: (id: string) => string;
  /** ids of all runs */
  readonly ids: () => readonly string[];
}

/** At work at once; each is a thread. The one that rested longest is closed for another. */
const MAX_OPEN = 8;

const STATUS: Partial<Record<ErrorCode, StudyProblem["status"]>> = {
  RUN_EXISTS: 409,
  RUN_LOCKED: 409,
  RUN_NOT_FOUND: 404,
};

export class Studies {
  readonly #options: StudiesOptions;
  /** in the order of use, the latest last */
  readonly #open = new Map<string, Promise<StudyThread>>();
  /** on their way out: a folder is free when they are gone */
  readonly #closing = new Map<string, Promise<void>>();
  #starting = 0;

  constructor(options: StudiesOptions) {
    this.#options = options;
  }

  /** Starts a study in a new run folder. @throws StudyProblem */
  async create(request: CreateRequest): Promise<StudyAnswer> {
    const { runsFolder: root, files = {} } = this.#options;
    try {
      checkedExchange(request, Object.keys(files)); // before a thread is made for it
    } catch (error) {
      throw problemOf(error);
    }
    await this.#makeRoom();
    this.#starting++;
    try {
      const thread = await StudyThread.start({ root, request, files }, root);
      this.#keep(thread.id, Promise.resolve(thread));
      return (await thread.call({ kind: "describe" })) as StudyAnswer;
    } catch (error) {
      throw problemOf(error);
    } finally {
      this.#starting--;
    }
  }

  /** Asks a study, opening it when it is not at work. @throws StudyProblem, and what folderOf throws */
  async call(id: string, call: StudyCall, signal?: AbortSignal): Promise<unknown> {
    try {
      return await (await this.#thread(id)).call(call, signal);
    } catch (error) {
      throw problemOf(error);
    }
  }

  /** What there is, newest first. */
  list(): StudiesAnswer {
    const studies = this.#options.ids().flatMap((id) => {
      const entry = this.#entryOf(id);
      return entry === undefined ? [] : [entry];
    });
    return { studies };
  }

  /** Whether the study is at work here. */
  isOpen(id: string): boolean {
    return this.#open.has(id);
  }

  /** Ends a study's work here; a later request opens it again. */
  async stop(id: string): Promise<void> {
    const starting = this.#open.get(id);
    if (starting === undefined) return this.#closing.get(id);
    this.#open.delete(id);
    const closed = starting.then(
      (thread) => thread.close(),
      () => undefined, // it never began
    );
    this.#closing.set(id, closed);
    await closed;
    this.#closing.delete(id);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((id) => this.stop(id)));
  }

  /** Gives a study that rests or is over a larger budget. @throws StudyProblem */
  async raise(id: string, trials: number): Promise<void> {
    await this.stop(id);
    try {
      await this.#thread(id, trials);
    } catch (error) {
      throw problemOf(error);
    }
  }

  async #thread(id: string, trials?: number): Promise<StudyThread> {
    const known = this.#open.get(id);
    if (known !== undefined) {
      const thread = await known;
      if (!thread.gone) {
        this.#keep(id, known); // as the latest used
        return thread;
      }
      this.#open.delete(id);
    }
    const path = this.#options.folderOf(id);
    if (exchangeOf(readManifest(path).study) === undefined) {
      throw new StudyProblem(404, "that run is no ask / tell study; POST /api/studies makes one");
    }
    await this.#closing.get(id);
    await this.#makeRoom();
    const twice = this.#open.get(id); // somebody else came first while we waited
    if (twice !== undefined) return twice;
    const starting = StudyThread.start({ path, trials }, this.#options.runsFolder);
    this.#keep(id, starting);
    starting.catch(() => this.#open.delete(id));
    return starting;
  }

  #keep(id: string, thread: Promise<StudyThread>): void {
    this.#open.delete(id);
    this.#open.set(id, thread);
  }

  async #makeRoom(): Promise<void> {
    for (const [id, starting] of [...this.#open]) {
      if (this.#open.size + this.#starting < MAX_OPEN) return;
      const thread = await starting.catch(() => undefined);
      if (thread === undefined || thread.busy === 0) await this.stop(id);
    }
    if (this.#open.size + this.#starting >= MAX_OPEN) {
      throw new StudyProblem(503, `${MAX_OPEN} studies are being worked on; try again when one rests`);
    }
  }

  #entryOf(id: string): StudiesAnswer["studies"][number] | undefined {
    try {
      const { study, studyName, agentName } = readManifest(this.#options.folderOf(id));
      const exchange = exchangeOf(study);
      if (exchange === undefined) return undefined;
      const { proposals, metrics } = exchange;
      return { id, name: studyName, agent: agentName, proposals, metrics, open: this.isOpen(id) };
    } catch {
      return undefined; // the table of runs says what is wrong with it
    }
  }
}

/** In words of HTTP; other errors stay. */
function problemOf(error: unknown): unknown {
  if (!(error instanceof CosearchError)) return error;
  return new StudyProblem(STATUS[error.code] ?? 422, error.message, { code: error.code });
}
