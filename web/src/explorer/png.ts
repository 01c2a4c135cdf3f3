// Text inside PNG files (PNG specification, third edition, 11.3.3.4 iTXt): a picture carries the recipe it was made by.

const KEY = "gansmith";
const HEAD = 8; // bytes of the signature

/** The PNG with `text` in front of its end. */
export function withText(png: Uint8Array<ArrayBuffer>, text: string): Blob {
  const body = new TextEncoder().encode(`iTXt${KEY}\0\0\0\0\0${text}`);
  const chunk = new Uint8Array(body.length + 8);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, body.length - 4);
  chunk.set(body, 4);
  view.setUint32(chunk.length - 4, crc(body));
  const end = png.length - 12; // IEND has no content
  return new Blob([png.slice(0, end), chunk, png.slice(end)], { type: "image/png" });
}

/** The text of such a PNG; null where there is none. */
export function textOf(png: Uint8Array): string | null {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const head = `iTXt${KEY}\0\0\0\0\0`;
  for (let at = HEAD; at + 12 <= png.length; ) {
    const length = view.getUint32(at);
    const body = png.subarray(at + 4, at + 8 + length);
    if (new TextDecoder("latin1").decode(body.subarray(0, head.length)) === head) return new TextDecoder().decode(body.subarray(head.length));
    at += 12 + length;
  }
  return null;
}

/** CRC-32 of ISO 3309, as in the specification's annex D. */
function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let k = 0; k < 8; k++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}
