// Where on the page a source stands, and a place in it.

/** Return the address of a source at a passage; `question` is marked there. */
export function addressOf(fileId, place = {}, question = "") {
  const named = typeof place === "string" ? [["at", place], ["q", question]] : Object.entries({ part: partOf(place), sheet: place.sheet, line: place.line_start ?? place.row_start, q: question });
  const asked = new URLSearchParams(named.filter(([, value]) => value !== undefined && value !== null && value !== ""));
  return `#/s/${encodeURIComponent(fileId)}${asked.size ? `?${asked}` : ""}`;
}

/** Return the number of the page, slide, message or cell that a passage is on. */
export const partOf = (place) => place.page ?? place.slide ?? place.message ?? place.cell;

/** Return {part, line, section} of a place such as "page 4, lines 10-18", as a tool states it. */
export function placeOfWords(words) {
  const part = /\b(?:page|slide|message|cell) (\d{1,9})/.exec(words)?.[1];
  const line = /\b(?:line|row)s? (\d{1,9})/.exec(words)?.[1];
  const section = /\bsheet "([^"]*)"/.exec(words)?.[1];
  return { part, line, section };
}
