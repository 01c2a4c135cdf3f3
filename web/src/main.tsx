// The pages: which one the address asks for, and in which language.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import { Card } from "./card";
import { Compare } from "./compare";
import { Explore } from "./explore";
import { List } from "./list";
import { Run } from "./run";
import "./explorer/explorer.css";
import "./style.css";
import { type Language, languages, preferred } from "./text";

function App() {
  const [place, setPlace] = useState(location.hash);
  const [language, setLanguage] = useState<Language>(preferred);
  const words = languages[language];
  useEffect(() => {
    const go = () => {
      setPlace(location.hash);
      scrollTo(0, 0);
    };
    addEventListener("hashchange", go);
    return () => removeEventListener("hashchange", go);
  }, []);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const id = /^#\/run\/(.+)$/.exec(place)?.[1];
  const ids = /^#\/compare\/(.+)$/.exec(place)?.[1]?.split(",").map(decodeURIComponent);
  const explored = /^#\/explore\/(.+)$/.exec(place)?.[1];
  const carded = /^#\/card\/(.+)$/.exec(place)?.[1];
  return (
    <>
      <header>
        <a href="#/">gansmith</a>
        <button type="button" lang={language === "en" ? "zh" : "en"} onClick={() => setLanguage(language === "en" ? "zh" : "en")}>
          {words.language}
        </button>
      </header>
      {id && <Run key={id} id={decodeURIComponent(id)} words={words} />}
      {ids && <Compare key={place} ids={ids} words={words} />}
      {explored && <Explore key={explored} id={decodeURIComponent(explored)} words={words} />}
      {carded && <Card key={carded} id={decodeURIComponent(carded)} words={words} />}
      {!id && !ids && !explored && !carded && <List words={words} />}
    </>
  );
}

const root = document.getElementById("app");
if (root) render(<App />, root);
