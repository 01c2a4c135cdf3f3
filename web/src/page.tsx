// The one-file page: everything it needs lies in it, compressed, and it asks nobody for anything.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Engine } from "./explorer/engine";
import EngineWorker from "./explorer/worker?worker&inline";
import { Explorer } from "./explorer/explorer";
import type { About } from "./explorer/latent";
import "./explorer/explorer.css";
import "./page.css";
import { type Language, languages, preferred } from "./text";

async function unpacked(id: string): Promise<ArrayBuffer> {
  const text = document.getElementById(id)?.textContent ?? "";
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

function Page({ about }: { about: About }) {
  const [language, setLanguage] = useState<Language>(preferred);
  const [engine, setEngine] = useState<Engine>();
  const [trouble, setTrouble] = useState("");
  const words = languages[language];
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  useEffect(() => {
    const ready = new Engine(about, new EngineWorker());
    Promise.all([unpacked("wasm"), unpacked("mapping"), unpacked("synthesis")])
      .then((parts) => ready.load(...parts))
      .then(() => setEngine(ready), (error: unknown) => setTrouble(String(error)));
  }, [about]);
  return (
    <>
      <p class="soft">
        {words.madeHere}{" "}
        <button type="button" lang={language === "en" ? "zh" : "en"} onClick={() => setLanguage(language === "en" ? "zh" : "en")}>{words.language}</button>
      </p>
      {engine ? <Explorer about={about} engine={engine} words={words} /> : <p role="status">{trouble || words.loading}</p>}
    </>
  );
}

const root = document.getElementById("explorer");
const about = document.getElementById("about")?.textContent;
if (root && about) render(<Page about={JSON.parse(about) as About} />, root);
