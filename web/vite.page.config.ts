// The one-file page's script and style, and the compressed runtime beside them: gansmith.export.page puts them together.

import { defineConfig } from "vite";
import { apart, runtime } from "./vite.runtime";

const out = "../src/gansmith/export/page";

export default defineConfig({
  publicDir: false,
  define: { "process.env.NODE_ENV": '"production"' },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "iife", plugins: () => [apart] },
  plugins: [runtime(out)],
  build: {
    outDir: out,
    emptyOutDir: true,
    license: { fileName: "licenses.md" },
    lib: { entry: "src/page.tsx", formats: ["iife"], name: "page", fileName: () => "page.js", cssFileName: "page" },
  },
});
