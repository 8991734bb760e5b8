// Binds the dashboard to an address. Another host than loopback needs a token, so that nobody on the network reads or
// steers runs by accident.
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { CosearchError } from "../../core/errors.js";
import { createDashboard, type Dashboard } from "./app.js";
import { isLoopback } from "./guard.js";

export interface ListenOptions {
  readonly runsFolder: string;
  readonly host: string;
  /** 0: any free one */
  readonly port: number;
  readonly token?: string | undefined;
  /** name -> path of studies that clients may start by name */
  readonly studies?: Readonly<Record<string, string>> | undefined;
}

export interface Listening {
  /** for a browser on this machine */
  readonly url: string;
  readonly port: number;
  readonly dashboard: Dashboard;
  close(): Promise<void>;
}

const LEAST_TOKEN = 16;

/** @throws CosearchError USAGE for another host without a token, a short token, or an address that is taken */
export async function listen({ runsFolder, host, port, token, studies }: ListenOptions): Promise<Listening> {
  if (!isLoopback(host) && token === undefined) {
    throw new CosearchError(
      "USAGE",
      `--host ${host} is reachable from elsewhere: set COSEARCH_TOKEN or --token-file too`,
    );
  }
  if (token !== undefined && token.length < LEAST_TOKEN) {
    throw new CosearchError("USAGE", `the token is too short; at least ${LEAST_TOKEN} characters are needed`);
  }
  const dashboard = createDashboard({ runsFolder, host, token, studies, clock: () => performance.now() });
  const server = serve({ fetch: dashboard.app.fetch, hostname: host, port });
  const { port: bound } = await new Promise<AddressInfo>((resolve, reject) => {
    server.once("listening", () => resolve(server.address() as AddressInfo));
    server.once("error", (error) =>
      reject(new CosearchError("USAGE", `cannot listen on ${host}:${port}: ${error.message}`)),
    );
  });
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return {
    url: `http://${name}:${bound}/`,
    port: bound,
    dashboard,
    async close() {
      await dashboard.close();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        if ("closeAllConnections" in server) server.closeAllConnections();
      });
    },
  };
}
