// The page: one script and one style sheet, nothing from elsewhere; see docs/dashboard.md.
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  build: {
    outDir: "../../dist/web",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false, // its polyfill would be an inline script
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
});
