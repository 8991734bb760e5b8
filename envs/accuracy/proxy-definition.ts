// How a proxy enters the list of proxy.ts: its name, the options that a study may give, and how it is made.
import type { z } from "zod";
import type { SpaceFile } from "../space-file.js";
import type { AccuracyProxy } from "./estimate.js";

export type ProxyOptions = Readonly<Record<string, unknown>>;

export interface ProxyDefinition {
  readonly name: string;
  readonly summary: string;
  /** checks options and fills in defaults */
  readonly options: z.ZodType<ProxyOptions>;
  /** computes with a tensor backend */
  readonly usesTensors?: boolean;
  /** makes checked options self-contained: relative paths are those of `folder` */
  resolve?(options: ProxyOptions, folder: string): ProxyOptions;
  /** complains when the proxy cannot answer for the networks of a study's space */
  checkSpace?(options: ProxyOptions, space: SpaceFile): void;
  create(options: ProxyOptions): AccuracyProxy;
}

/** A definition whose options have a type of their own. The registry hands `create` only what its own schema returned. */
export function defineProxy<Options extends object>(definition: {
  readonly name: string;
  readonly summary: string;
  readonly options: z.ZodType<Options>;
  readonly usesTensors?: boolean;
  resolve?(options: Options, folder: string): Options;
  checkSpace?(options: Options, space: SpaceFile): void;
  create(options: Options): AccuracyProxy;
}): ProxyDefinition {
  return definition as unknown as ProxyDefinition;
}
