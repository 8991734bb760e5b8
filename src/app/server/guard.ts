// What stands between the network and the run folders: host and origin checks (DNS rebinding, cross-site posts), the token,
// security headers, and a limit on expensive queries. Sources: OWASP Cross-Site Request Forgery Prevention and
// Secure Headers cheat sheets; Fetch standard (Sec-Fetch-Site); CSP level 3.
import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler, Next } from "hono";

export interface GuardOptions {
  /** as bound: loopback names are allowed always, this one too */
  readonly host: string;
  /** needed when the server is reachable from elsewhere; compared in constant time */
  readonly token?: string | undefined;
}

export const COOKIE = "cosearch_token";
/** Posts must carry it: a form of another site cannot. */
export const REQUEST_HEADER = "x-cosearch";
const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]", "::1"]);

export const isLoopback = (host: string): boolean => LOOPBACK.has(host) || /^127\.\d+\.\d+\.\d+$/.test(host);

const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** Headers on every answer, refusals included. */
export const securityHeaders: MiddlewareHandler = async (context, next) => {
  await next();
  const { headers } = context.res;
  headers.set("Content-Security-Policy", CSP);
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("X-Frame-Options", "DENY");
  headers.set("Referrer-Policy", "no-referrer");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
};

/** Only names that this server goes by: a page whose name was re-bound to us sends its own. */
export function hostCheck({ host }: GuardOptions): MiddlewareHandler {
  return async (context, next) => {
    const name = hostName(context.req.header("host") ?? "");
    // A server bound to all interfaces goes by names that we cannot know; there the token stands alone.
    const known = isLoopback(name) || name === host || host === "0.0.0.0" || host === "::";
    return known ? next() : context.json({ error: "this server does not go by that name" }, 421);
  };
}

/** Changes come from our own page only. */
export const originCheck: MiddlewareHandler = async (context, next) => {
  const origin = context.req.header("origin");
  const own = origin === undefined || originHost(origin) === context.req.header("host");
  const site = context.req.header("sec-fetch-site");
  const sameSite = site === undefined || site === "same-origin" || site === "none";
  const isChange = context.req.method !== "GET" && context.req.method !== "HEAD";
  if (isChange && (!own || !sameSite)) return context.json({ error: "requests of another origin are refused" }, 403);
  if (isChange && context.req.header(REQUEST_HEADER) === undefined) {
    return context.json({ error: `the header ${REQUEST_HEADER} is missing` }, 403);
  }
  // EventSource and fetch of another site carry their origin too
  if (!isChange && origin !== undefined && !own) return context.json({ error: "another origin" }, 403);
  return next();
};

/** The token as `Authorization: Bearer` or as the cookie that /api/login sets; never in a URL, which gets logged. */
export function tokenCheck({ token }: GuardOptions): MiddlewareHandler {
  return async (context, next) => {
    if (token === undefined) return next();
    const given = bearerOf(context) ?? cookieOf(context.req.header("cookie") ?? "");
    return given !== undefined && sameText(given, token) ? next() : context.json({ error: "a token is needed" }, 401);
  };
}

/** Equal in constant time: digests have one length whatever was given. */
export function sameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** At most `perSecond` on average with bursts of `burst`, over all clients: what is bounded is the machine's work. */
export function rateLimit(perSecond: number, burst: number, now: () => number): MiddlewareHandler {
  let left = burst;
  let last = now();
  return async (context: Context, next: Next) => {
    const time = now();
    left = Math.min(burst, left + ((time - last) / 1000) * perSecond);
    last = time;
    if (left < 1) {
      context.header("Retry-After", "1");
      return context.json({ error: "too many requests; try again in a second" }, 429);
    }
    left--;
    return next();
  };
}

function bearerOf(context: Context): string | undefined {
  return /^Bearer (.+)$/i.exec(context.req.header("authorization") ?? "")?.[1];
}

function cookieOf(header: string): string | undefined {
  for (const part of header.split(";")) {
    const [name, ...value] = part.trim().split("=");
    if (name === COOKIE) return decodeOrUndefined(value.join("="));
  }
  return undefined;
}

function decodeOrUndefined(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The host without its port. */
function hostName(header: string): string {
  const match = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(header.toLowerCase());
  return match?.[1] ?? "";
}

function originHost(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}
