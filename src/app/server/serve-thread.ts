// The dashboard beside a run, in a thread of its own, so that browsers cost the search nothing but a share of the machine.
// It reads the run folder like any other process; nothing passes between the two but where it listens.
import { parentPort, Worker, workerData } from "node:worker_threads";
import { CosearchError } from "../../core/errors.js";
import { type ListenOptions, listen } from "./listen.js";

interface Answer {
  readonly url?: string;
  readonly error?: string;
}

export interface ServeThread {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts the thread. @throws CosearchError USAGE as listen does */
export async function serveInThread(options: ListenOptions): Promise<ServeThread> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { dashboard: options } });
  const answer = await new Promise<Answer>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  if (answer.url === undefined) {
    await worker.terminate();
    throw new CosearchError("USAGE", answer.error ?? "the dashboard did not start");
  }
  worker.unref();
  return {
    url: answer.url,
    async close() {
      await worker.terminate();
    },
  };
}

const given = (workerData as { dashboard?: ListenOptions } | null)?.dashboard;
if (given !== undefined) {
  try {
    const { url } = await listen(given);
    parentPort?.postMessage({ url } satisfies Answer);
  } catch (error) {
    parentPort?.postMessage({ error: (error as Error).message } satisfies Answer);
  }
}
