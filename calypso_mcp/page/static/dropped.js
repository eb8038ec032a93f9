// Files out of a drop or a file dialog, and what speaks against sending them.
import { counted, sizeInWords } from "./shared/words.js";

const MOST_FILES = 20000;
const CLUTTER = new Set([".ds_store", "thumbs.db", "desktop.ini"]);

/** Return [{file, path}] of a drop, folders with all that is in them. */
export async function filesOfDrop(transfer) {
  // Entries have to be taken before the first wait: the list is emptied when the event is over.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
  const found = [];
  for (const entry of entries) await collect(entry, "", found);
  return found;
}

/** Return [{file, path}] of a file dialog. */
export const filesOfInput = (input) => [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

async function collect(entry, folder, found) {
  if (found.length >= MOST_FILES) return;
  const path = folder + entry.name;
  if (entry.isFile) {
    found.push({ file: await new Promise((done, failed) => entry.file(done, failed)), path });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // A reader gives some entries at a time, and none at the end.
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return;
    for (const inner of some) await collect(inner, `${path}/`, found);
  }
}

/**
 * Return {ready, refused: [{path, reason}], known}: what can be sent, what cannot and why, and the paths that
 * the bucket holds already.
 */
export function sortOut(files, { limits, unreadable = [] }, namesThere) {
  const ready = [];
  const refused = [];
  const seen = new Set();
  for (const { file, path } of [...files].sort((one, other) => one.path.localeCompare(other.path))) {
    const reason = CLUTTER.has(file.name.toLowerCase()) ? "" : problemOf(file, path, limits, unreadable, seen);
    seen.add(path);
    if (reason) refused.push({ path, reason });
    else if (reason === undefined) ready.push({ file, path });
  }
  return { ready, refused, known: ready.filter(({ path }) => namesThere.has(path)).map(({ path }) => path) };
}

function problemOf(file, path, limits, unreadable, seen) {
  if (seen.has(path)) return "It was dropped twice.";
  if (!file.size) return "It is empty.";
  if (limits && file.size > limits.file_bytes) return `It has ${sizeInWords(file.size)}; at most ${sizeInWords(limits.file_bytes)} can be sent.`;
  const ending = file.name.toLowerCase().split(".").pop();
  const kind = file.name.includes(".") && unreadable.find(({ endings }) => endings.includes(ending));
  return kind ? `It is ${kind.label}. ${kind.remedy}` : undefined;
}

/** Return "3 files, 1.2 MB". */
export const amount = (files) => `${counted(files.length, "file")}, ${sizeInWords(files.reduce((sum, { file }) => sum + file.size, 0))}`;
