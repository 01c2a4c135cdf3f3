import { defineConfig } from "vite";
import { apart, runtime } from "./vite.runtime";

const out = "../src/gansmith/serve/pages";

export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "iife", plugins: () => [apart] },
  plugins: [runtime(out)],
  build: { outDir: out, emptyOutDir: true, assetsInlineLimit: 0, modulePreload: false, license: { fileName: "licenses.md" } },
});
