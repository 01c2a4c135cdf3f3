// The one-file page's script and style, and the compressed runtime beside them: gansmith.export.page puts them together.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const out = "../src/gansmith/export/page";
const runtime = createRequire(import.meta.url).resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm");

/** The runtime's script names its wasm file, which would be put into it; ours is handed to it, unpacked, by the page. */
const apart: Plugin = {
  name: "apart",
  enforce: "pre",
  transform: (code, id) => (id.includes("onnxruntime-web") ? code.replaceAll(/new URL\("ort-wasm[\w.-]*\.wasm",\s*import\.meta\.url\)\.href/g, '""') : null),
};

export default defineConfig({
  publicDir: false,
  define: { "process.env.NODE_ENV": '"production"' },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "iife", plugins: () => [apart] },
  plugins: [{ name: "runtime", closeBundle: () => writeFileSync(`${out}/runtime.wasm.gz`, gzipSync(readFileSync(runtime), { level: 9 })) }],
  build: {
    outDir: out,
    emptyOutDir: true,
    license: { fileName: "licenses.md" },
    lib: { entry: "src/page.tsx", formats: ["iife"], name: "page", fileName: () => "page.js", cssFileName: "page" },
  },
});
