// Small pieces that several views use.
import type { ComponentChildren } from "preact";
import type { Status } from "../app/server/api.js";

export function StatusBadge({ status }: { readonly status: Status }) {
  return <span class={`badge ${status}`}>{status}</span>;
}

export function Problem({ text }: { readonly text: string }) {
  return (
    <p class="problem" role="alert">
      {text}
    </p>
  );
}

export const Loading = () => (
  <p class="muted" role="status">
    Loading…
  </p>
);

export function Figure({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A wide thing that scrolls by itself, also with the keyboard. */
export function Scroll({ label, children }: { readonly label: string; readonly children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard (axe: scrollable-region-focusable)
    <section class="scroll" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
