// What can be said about a request before anything is composed: whether somebody is left to propose and to measure, and that it
// makes the server read no file of the client's choice.
import { CosearchError } from "../../core/errors.js";
import type { CreateRequest, Exchange } from "./contract.js";

type Study = CreateRequest["study"];

/** A space of the client's own, with nothing of ours in it. */
export const isOwnSpace = (study: Study): study is Record<string, unknown> =>
  typeof study !== "string" && "knobs" in study;

/** Who proposes and who measures. @param named studies that the server was given
 *  @throws CosearchError STUDY_BAD for a mode that makes no sense and for a study with paths */
export function checkedExchange(request: CreateRequest, named: readonly string[]): Exchange {
  const { study, proposals, timeoutSeconds } = request;
  const own = isOwnSpace(study);
  const metrics = request.metrics ?? (proposals === "agent" || own ? "client" : "model");
  if (metrics === "model" && proposals === "agent") {
    const hint = "there is nothing left for a client to do; `cosearch run` does that";
    throw new CosearchError("STUDY_BAD", `proposals: agent with metrics: model: ${hint}`);
  }
  if (own && metrics !== "client") {
    throw new CosearchError("STUDY_BAD", `metrics: ${metrics}: a space of your own has no models; it needs client`);
  }
  if (typeof study !== "string") refusePaths(study);
  else if (!named.includes(study) && isPath(study)) throw pathRefused("study", study);
  return { proposals, metrics, timeoutSeconds };
}

/** A document that came over the network names built-in parts or holds them: it makes the server read no file. */
function refusePaths(study: Readonly<Record<string, unknown>>): void {
  const visit = (value: unknown, place: string): void => {
    if (typeof value === "string" && isPath(value)) throw pathRefused(place, value);
    if (value === null || typeof value !== "object") return;
    for (const [name, inner] of Object.entries(value)) visit(inner, `${place}.${name}`);
  };
  const { space, reference, table, accuracy, agent } = study;
  for (const [name, part] of Object.entries((space as object | undefined) ?? {})) {
    if (typeof part === "string") visit(part, `space.${name}`); // inline documents hold no paths
  }
  visit({ reference, table, accuracy, agent }, "study");
}

const isPath = (text: string): boolean => /[\\/]|\.(ya?ml|json|csv)$/i.test(text);
const pathRefused = (place: string, value: string): CosearchError =>
  new CosearchError(
    "STUDY_BAD",
    `${place}: ${value}: over the network a study names no files; put its parts into the document, or start ` +
      "`cosearch serve --study <file>` and name the study",
  );
