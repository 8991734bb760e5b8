// Writes the parts of agents/README.md that the code knows best: the tables of hyper-parameters and of diagnostics.
//   npm run build && node dist/experiments/agent-docs.js
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DIAGNOSTICS, RUN_DIAGNOSTICS } from "../agents/diagnostics.js";
import { agentDefinitions } from "../agents/index.js";
import { packageRoot } from "../src/files/package-root.js";

const file = join(packageRoot, "agents/README.md");
const readme = readFileSync(file, "utf8");
const start = readme.indexOf("## Hyper-parameters");
const tables = agentDefinitions.map(({ name, options }) => {
  const rows = options.map(
    (option) =>
      `| \`${option.name}\` | ${String(option.default)} | ${option.allowed.replaceAll("|", "\\|")} | ${option.description} |`,
  );
  return `### \`${name}\`\n\n| option | default | allowed | meaning |\n|---|---|---|---|\n${rows.join("\n")}\n`;
});
const diagnostics = Object.entries({ ...DIAGNOSTICS, ...RUN_DIAGNOSTICS }).map(
  ([name, meaning]) => `| \`${name}\` | ${meaning} |`,
);
const text = `${readme.slice(0, start)}## Hyper-parameters

Written by \`node dist/experiments/agent-docs.js\`.

${tables.join("\n")}
## Diagnostics

Names follow Stable-Baselines3. Each update reports those that its agent has; \`search/*\` come from the run (the hypervolume from the
agent), and the times of proposing, evaluating and observing stand in the run folder's times.jsonl.

| name | meaning |
|---|---|
${diagnostics.join("\n")}
`;
writeFileSync(file, text);
process.stdout.write(`${file} written\n`);
