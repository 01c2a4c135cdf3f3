// The Markdown that card.md is written in, as elements: headings, tables, lists, code, paragraphs. All of it is shown as
// text, whatever it holds. What may be wider than the page is scrolled, with the keyboard too.

import type { ComponentChildren, VNode } from "preact";

/** `place` says where a picture is to be had, by its path in the card; null for none. */
export function Markdown({ text, place }: { text: string; place: (path: string) => string | null }) {
  return <>{blocks(text).map((block, k) => shown(block, k, place))}</>;
}

/** Parts between empty lines (code stays whole), without the head for model hubs. */
export function blocks(text: string): string[] {
  const body = text.replace(/^---\n[^]*?\n---\n/, "");
  return body.match(/```[^]*?```|[^\n]+(?:\n(?!```)[^\n]+)*/g) ?? [];
}

function shown(block: string, key: number, place: (path: string) => string | null): VNode | null {
  const lines = block.split("\n");
  const heading = /^(#{1,6}) (.*)$/.exec(block);
  if (heading) {
    const Heading = `h${Math.min((heading[1] as string).length + 1, 6)}` as "h2"; // the page has a heading of its own
    return <Heading key={key}>{inline(heading[2] as string)}</Heading>;
  }
  const picture = /^!\[(.*)\]\(([^()]+)\)$/.exec(block);
  if (picture) {
    const address = place(picture[2] as string);
    return address === null ? null : <img key={key} src={address} alt={picture[1] as string} />;
  }
  if (block.startsWith("```")) return <pre key={key} tabIndex={0}>{lines.slice(1, -1).join("\n")}</pre>;
  if (block.startsWith("|")) return <Table key={key} lines={lines} />;
  if (block.startsWith("- ")) return <ul key={key}>{lines.map((line, i) => <li key={i}>{inline(line.replace(/^- /, ""))}</li>)}</ul>;
  return <p key={key}>{inline(lines.join(" "))}</p>;
}

function Table({ lines }: { lines: string[] }) {
  const [head, , ...rows] = lines.map(cells);
  const named = head?.some((cell) => cell !== "");
  return (
    <div class="wide" tabIndex={0}>
      <table>
        {named && <thead><tr>{head?.map((cell, k) => <th key={k} scope="col">{inline(cell)}</th>)}</tr></thead>}
        <tbody>
          {rows.map(([first, ...others], k) => (
            <tr key={k}>
              <th scope="row">{inline(first ?? "")}</th>
              {others.map((cell, i) => <td key={i}>{inline(cell)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The cells of a table's line; a bar behind a backslash is part of one. */
export function cells(line: string): string[] {
  return line.replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim());
}

/** Code in backticks, and letters behind backslashes as they are. */
export function inline(text: string): ComponentChildren {
  return text.split(/(`[^`]+`)/).map((part, k) => (part.startsWith("`") && part.length > 2 ? <code key={k}>{part.slice(1, -1)}</code> : part.replace(/\\([!-/:-@[-`{-~])/g, "$1")));
}
