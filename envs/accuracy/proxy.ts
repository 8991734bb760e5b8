// Every accuracy proxy by name, with the options that a study may give it: `accuracy: { proxy: name, ...options }`.
import { z } from "zod";
import { CosearchError, suggestion } from "../../src/core/errors.js";
import { parseValue } from "../../src/files/documents.js";
import type { SpaceFile } from "../space-file.js";
import { baselineDefinition } from "./baselines.js";
import type { AccuracyProxy } from "./estimate.js";
import { surrogateDefinition } from "./imagenet-surrogate.js";
import type { ProxyDefinition } from "./proxy-definition.js";
import { supernetDefinition } from "./supernet/supernet-proxy.js";
import { tableDefinition } from "./tables/table-proxy.js";
import { trainingDefinition } from "./training/training-proxy.js";
import { zeroCostDefinition } from "./zero-cost/zero-cost-proxy.js";

export const DEFAULT_ACCURACY_PROXY = "imagenet-surrogate";

const DEFINITIONS: readonly ProxyDefinition[] = [
  surrogateDefinition,
  baselineDefinition("macs-only"),
  baselineDefinition("params-only"),
  tableDefinition,
  trainingDefinition,
  supernetDefinition,
  zeroCostDefinition,
];

/** What a study says of accuracy: a proxy and its options, plain data. */
export interface AccuracyChoice {
  readonly proxy: string;
  readonly [option: string]: unknown;
}

export const accuracyProxyNames = (): string[] => DEFINITIONS.map(({ name }) => name);

/** What there is, in the order that lists show; `error` is that of the default options. */
export const accuracyProxyDefinitions = (): readonly ProxyDefinition[] => DEFINITIONS;

/** Whether estimates of this proxy are computed on a tensor backend. @throws CosearchError PROXY_UNKNOWN */
export const accuracyUsesTensors = (name: string): boolean => definitionOf(name).usesTensors ?? false;

/** The options of a study, checked and self-contained: defaults filled in, files read or made absolute.
 *  @param folder what paths are relative to
 *  @throws CosearchError PROXY_UNKNOWN with the near miss, FILE_BAD_VALUE, FILE_UNREADABLE */
export function resolveAccuracy({ proxy: name, ...options }: AccuracyChoice, folder: string): AccuracyChoice {
  const definition = definitionOf(name);
  const checked = parseValue(options, name, definition.options);
  return { proxy: name, ...(definition.resolve?.(checked, folder) ?? checked) };
}

/** Complains when the proxy cannot answer for the networks of a space. @param choice what `resolveAccuracy` returned
 *  @throws CosearchError CHECKPOINT_BAD */
export function checkAccuracySpace({ proxy: name, ...options }: AccuracyChoice, space: SpaceFile): void {
  definitionOf(name).checkSpace?.(options, space);
}

/** The proxy of that name. @param options those that `resolveAccuracy` returned
 *  @throws CosearchError PROXY_UNKNOWN with the near miss, FILE_BAD_VALUE */
export function accuracyProxy(name: string, options: Readonly<Record<string, unknown>> = {}): AccuracyProxy {
  const definition = definitionOf(name);
  return definition.create(parseValue(options, name, definition.options));
}

function definitionOf(name: string): ProxyDefinition {
  const definition = DEFINITIONS.find((known) => known.name === name);
  if (definition !== undefined) return definition;
  throw new CosearchError("PROXY_UNKNOWN", `"${name}" is no accuracy proxy${suggestion(name, accuracyProxyNames())}`);
}

/** Options of a proxy as JSON Schema, for lists and docs. */
export const optionsSchemaOf = (definition: ProxyDefinition): unknown =>
  z.toJSONSchema(definition.options, { io: "input", target: "draft-2020-12", unrepresentable: "any" });
