// Files out of a drop or a file dialog, and what speaks against sending them.
import { counted, sizeInWords } from "./shared/words.js";

const MOST_FILES = 20000;

/** Return [{file, path}] of a drop, folders with all that is in them; those that `about` leaves out have no file. */
export async function filesOfDrop(transfer, about) {
  // Entries have to be taken before the first wait: the list is emptied when the event is over.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
  const found = [];
  const leftOut = leftOutBy(about);
  for (const entry of entries) await collect(entry, "", found, leftOut);
  return found;
}

/** Return [{file, path}] of a file dialog. */
export const filesOfInput = (input) => [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

async function collect(entry, folder, found, leftOut) {
  if (found.length >= MOST_FILES) return;
  const path = folder + entry.name;
  if (entry.isFile) {
    found.push({ file: await new Promise((done, failed) => entry.file(done, failed)), path });
    return;
  }
  if (leftOut(`${path}/`)) {
    found.push({ file: null, path: `${path}/` });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // A reader gives some entries at a time, and none at the end.
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return;
    for (const inner of some) await collect(inner, `${path}/`, found, leftOut);
  }
}

/**
 * Return {ready, refused: [{path, reason}], known}: what can be sent, what cannot and why, and the paths that
 * the bucket holds already.
 */
export function sortOut(files, about, namesThere) {
  const ready = [];
  const refused = [];
  const seen = new Set();
  const leftOut = leftOutBy(about);
  const isClutter = pattern(about.left_out.system_files, "$");
  for (const { file, path } of [...files].sort((one, other) => one.path.localeCompare(other.path))) {
    const left = leftOut(path);
    if (left) {
      if (!seen.has(left.path)) refused.push(left);
      seen.add(left.path);
      continue;
    }
    const reason = isClutter.test(path) ? "" : problemOf(file, path, about, seen);
    seen.add(path);
    if (reason) refused.push({ path, reason });
    else if (reason === undefined) ready.push({ file, path });
  }
  return { ready, refused, known: ready.filter(({ path }) => namesThere.has(path)).map(({ path }) => path) };
}

const pattern = (globs, end) => new RegExp(`^(?:.*/)?(?:${globs.map((glob) => glob.replace(/[.+$]/g, "\\$&").replaceAll("*", "[^/]*")).join("|")})${end}`, "i");

// As the tools leave it out of folders; a person is told once for each folder.
function leftOutBy({ left_out: rules }) {
  const folders = new Map(Object.entries(rules.folders));
  const [secretFolder, secretFile] = [pattern(rules.secret_folders, "/"), pattern(rules.secret_files, "$")];
  return (path) => {
    const parts = path.split("/").slice(0, -1);
    // A folder "build" that was dropped by its own name is meant.
    const depth = parts.findIndex((part, index) => folders.has(part.toLowerCase()) && (index > 0 || part.startsWith(".")));
    if (depth >= 0) return { path: `${parts.slice(0, depth + 1).join("/")}/`, reason: `It ${folders.get(parts[depth].toLowerCase())}.` };
    const secret = secretFolder.exec(path)?.[0] ?? (secretFile.test(path) && path);
    return secret ? { path: secret, reason: `${rules.secret_reason.replace(/^n/, "N")}.` } : undefined;
  };
}

function problemOf(file, path, { limits, unreadable = [] }, seen) {
  if (seen.has(path)) return "You dropped it twice.";
  if (!file.size) return "It is empty.";
  if (limits && file.size > limits.file_bytes) return `It has ${sizeInWords(file.size)}; at most ${sizeInWords(limits.file_bytes)} can be sent.`;
  const ending = file.name.toLowerCase().split(".").pop();
  const kind = file.name.includes(".") && unreadable.find(({ endings }) => endings.includes(ending));
  return kind ? `It is ${kind.label}. ${kind.remedy}` : undefined;
}

/** Return "3 files, 1.2 MB". */
export const amount = (files) => `${counted(files.length, "file")}, ${sizeInWords(files.reduce((sum, { file }) => sum + file.size, 0))}`;
