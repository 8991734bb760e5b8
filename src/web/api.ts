// Talking to the server: one function for reading, one for changing, and hooks that keep a view up to date.
import { useEffect, useRef, useState } from "preact/hooks";
import type { ControlRequest, LiveMessage, StatusMessage } from "../app/server/api.js";

/** An answer that is not what was asked for. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(path, signal === undefined ? {} : { signal });
  return answerOf<T>(response);
}

export async function postJson<T>(path: string, body: unknown): Promise<T> {
  const headers = { "Content-Type": "application/json", "X-Cosearch": "1" };
  return answerOf<T>(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

export const control = (id: string, request: ControlRequest): Promise<unknown> =>
  postJson(`api/runs/${encodeURIComponent(id)}/control`, request);

async function answerOf<T>(response: Response): Promise<T> {
  const body = (await response.json().catch(() => undefined)) as { error?: string } | undefined;
  if (response.ok) return body as T;
  if (response.status === 401) dispatchEvent(new Event("cosearch-login"));
  throw new Refused(response.status, body?.error ?? `the server answered ${response.status}`);
}

export interface Fetched<T> {
  readonly value: T | undefined;
  readonly error: string | undefined;
  readonly reload: () => void;
}

/** Reads a path, again when it changes, when `reload` is called, and every `everyMs`. The last answer stays meanwhile. */
export function useJson<T>(path: string | undefined, everyMs?: number): Fetched<T> {
  const [state, setState] = useState<{ path?: string | undefined; value?: T | undefined; error?: string | undefined }>(
    {},
  );
  const [turn, setTurn] = useState(0);
  // a new turn reads again
  useEffect(() => {
    if (path === undefined) return;
    const abort = new AbortController();
    getJson<T>(path, abort.signal).then(
      (value) => setState({ path, value }),
      (error: unknown) => {
        if (abort.signal.aborted) return;
        setState((before) => ({ ...before, error: error instanceof Error ? error.message : String(error) }));
      },
    );
    return () => abort.abort();
  }, [path, turn]);
  useEffect(() => {
    if (everyMs === undefined) return;
    const timer = setInterval(() => {
      if (!document.hidden) setTurn((count) => count + 1);
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return { value: state.value, error: state.error, reload: () => setTurn((count) => count + 1) };
}

export interface LiveHandlers {
  trials(message: LiveMessage): void;
  status(message: StatusMessage): void;
  reset(): void;
}

export type Connection = "connecting" | "live" | "lost";

/** Follows a run from a position; the browser reconnects by itself and says where it was. */
export function useLive(id: string, position: string | undefined, handlers: LiveHandlers): Connection {
  const [connection, setConnection] = useState<Connection>("connecting");
  const latest = useRef(handlers);
  latest.current = handlers;
  const ready = position !== undefined;
  // the position counts at the start only, later the server knows it
  useEffect(() => {
    if (!ready) return;
    const source = new EventSource(`api/runs/${encodeURIComponent(id)}/events?after=${position}`);
    source.onopen = () => setConnection("live");
    source.onerror = () => setConnection("lost");
    source.addEventListener("trials", (event) =>
      latest.current.trials(JSON.parse(event.data as string) as LiveMessage),
    );
    source.addEventListener("status", (event) =>
      latest.current.status(JSON.parse(event.data as string) as StatusMessage),
    );
    source.addEventListener("reset", () => latest.current.reset());
    return () => source.close();
  }, [id, ready]);
  return connection;
}
