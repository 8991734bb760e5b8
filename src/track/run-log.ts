// The run's log (winston): JSON lines in the folder, and, when wanted, readable lines on the console.
// Lines reach the file before the next event, so that a killed run's log ends where the run did.
import { closeSync, openSync, writeSync } from "node:fs";
import { Writable } from "node:stream";
import { createLogger, format, type Logger, transports } from "winston";
import { CosearchError } from "../core/errors.js";
import type { RunEvent } from "../study/events.js";
import type { RunListener } from "../study/listeners.js";
import type { Clock } from "../study/run-folder.js";
import { openingOf } from "./live.js";

export interface RunLogOptions {
  /** log.jsonl of the folder; lines are added */
  readonly file: string;
  readonly clock: Clock;
  /** readable lines of level info and above, for instance to stderr */
  readonly console?: (text: string) => void;
}

export interface RunLog extends RunListener {
  /** for what is not an event */
  readonly logger: Logger;
}

/** Writes what happens to the log; trials themselves stand in trials.jsonl. */
export function runLog({ file, clock, console: toConsole }: RunLogOptions): RunLog {
  const handle = openSync(file, "a");
  const stamped = format((info) => ({ ...info, time: new Date(clock()).toISOString() }))();
  const toFile = sink((text) => void writeSync(handle, text));
  const logger = createLogger({
    level: "debug",
    format: stamped,
    transports: [
      new transports.Stream({ stream: toFile, format: format.json() }),
      ...(toConsole === undefined ? [] : [consoleTransport(toConsole)]),
    ],
  });
  const close = (): void => {
    logger.close();
    closeSync(handle);
  };
  return {
    name: "log",
    logger,
    next: (event) => log(logger, event),
    complete: close,
    error(error) {
      const code = error instanceof CosearchError ? { code: error.code } : {};
      logger.error(error instanceof Error ? error.message : String(error), {
        event: "failed",
        ...code,
        ...stackOf(error),
      });
      close();
    },
  };
}

/** Where an error comes from: the stack of what caused it, when it was wrapped, is the one that helps. */
function stackOf(error: unknown): { readonly stack?: string } {
  if (!(error instanceof Error)) return {};
  const stack = error.cause instanceof Error ? error.cause.stack : error.stack;
  return stack === undefined ? {} : { stack };
}

function log(logger: Logger, event: RunEvent): void {
  switch (event.kind) {
    case "started":
      logger.info(openingOf(event).join("; "), { event: event.kind, run: event.run });
      return;
    case "resumed": {
      const { kind, run, checkpoint, recordedCount, notes, restored } = event;
      logger.info(openingOf(event)[0] ?? "", { event: kind, run, checkpoint, recordedCount, from: restored.length });
      for (const note of notes) logger.warn(note, { event: "note" });
      return;
    }
    case "trial":
      return;
    case "update":
      logger.debug(`update after ${event.trialCount} trials`, { event: event.kind, ...event.diagnostics });
      return;
    case "checkpoint":
      logger.debug(`checkpoint after ${event.trialCount} trials`, { event: event.kind, file: event.file });
      return;
    case "finished":
    case "interrupted": {
      const { trialCount, status } = event.summary;
      logger.info(`${status} after ${trialCount} trials`, { event: event.kind, summary: event.summary });
      return;
    }
  }
}

function consoleTransport(write: (text: string) => void): InstanceType<typeof transports.Stream> {
  const readable = format.printf(({ level, message }) => (level === "info" ? `${message}` : `${level}: ${message}`));
  return new transports.Stream({ stream: sink(write), level: "info", format: readable });
}

/** A stream that has written when write() returns. */
function sink(write: (text: string) => void): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      write(String(chunk));
      done();
    },
  });
}
