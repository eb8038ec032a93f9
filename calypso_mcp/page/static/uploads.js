// Sending files through upload sessions: resumed where the server says, three at a time.

const AT_ONCE = 3;
const TRIES = 9;
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 15000;
const GONE = new Set([404, 410]);
const PASSING = new Set([0, 408, 429, 500, 502, 503, 504]);

/**
 * Sends files, and tells `changed` whenever one gets on.
 *
 * api: `openUpload` and `closeUpload`. Its `uploads` are drawn as they are: {name, sent, size, word, tone}.
 */
export class Uploads {
  constructor(api, changed) {
    this.api = api;
    this.changed = changed;
    this.uploads = [];
    this.waiting = [];
    this.running = 0;
  }

  /** Send files: [{file, path}] into a bucket. `ifExists` says what becomes of one of the same name. */
  add(files, bucket, ifExists) {
    for (const { file, path } of files) {
      const upload = { file, path, bucket, ifExists, name: path, sent: 0, size: file.size, word: "waiting" };
      this.uploads.push(upload);
      this.waiting.push(upload);
    }
    this.changed();
    while (this.running < AT_ONCE && this.waiting.length) this.run();
  }

  /** Whether something is still being sent. */
  get isBusy() {
    return this.running > 0 || this.waiting.length > 0;
  }

  /** Forget what has ended. */
  clear() {
    this.uploads = this.uploads.filter((upload) => upload.tone === undefined);
    this.changed();
  }

  async run() {
    this.running += 1;
    for (let upload = this.waiting.shift(); upload; upload = this.waiting.shift()) {
      try {
        await this.send(upload);
        this.tell(upload, { sent: upload.size, word: "sent", tone: "good" });
      } catch (error) {
        this.tell(upload, { word: error.message, tone: "bad" });
      }
    }
    this.running -= 1;
    this.changed();
  }

  tell(upload, news) {
    Object.assign(upload, news);
    this.changed();
  }

  async send(upload) {
    const session = await this.patiently(upload, () => this.open(upload));
    await this.patiently(upload, () => this.bytes(upload, session));
    await this.patiently(upload, () => this.api.closeUpload(session.sessionId));
  }

  open({ file, path, bucket, ifExists }) {
    return this.api.openUpload({
      bucket, path, ifExists, name: file.name, size: file.size, type: file.type,
      key: `page-${file.size}-${file.lastModified}-${digest(`${bucket}\n${path}`)}`,
    });
  }

  // Always asks how much has arrived: the session may continue one that was cut off, even before a reload.
  async bytes(upload, session) {
    const { size } = upload;
    const asked = await put(session.url, null, `bytes */${size}`);
    if (GONE.has(asked.status)) {
      Object.assign(session, await this.open(upload));
      throw retryable("The upload address has expired.");
    }
    if (isStored(asked)) return;
    if (asked.status !== 308) throw refusal(asked);
    const start = nextByte(asked);
    this.tell(upload, { sent: start, word: undefined });
    const answer = await put(session.url, upload.file.slice(start), `bytes ${start}-${size - 1}/${size}`, (sent) =>
      this.tell(upload, { sent: start + sent }));
    if (!isStored(answer)) throw answer.status === 308 ? retryable("Part of it has not arrived.") : refusal(answer);
  }

  async patiently(upload, work) {
    for (let tried = 1; ; tried += 1) {
      try {
        return await work();
      } catch (error) {
        if (tried === TRIES || !PASSING.has(error.status)) throw error;
        this.tell(upload, { word: "trying again" });
        await new Promise((go) => setTimeout(go, Math.min(FIRST_WAIT_MS * 2 ** (tried - 1), LONGEST_WAIT_MS)));
      }
    }
  }
}

/**
 * Put a part of a file; by XMLHttpRequest, because fetch reports no progress.
 * @param {(sent: number) => void} [progressed]
 */
function put(url, body, range, progressed = () => {}) {
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    request.setRequestHeader("Content-Range", range);
    request.upload.onprogress = (event) => progressed(event.loaded);
    request.onloadend = () =>
      done({ status: request.status, range: request.status ? request.getResponseHeader("Range") : null, text: request.responseText });
    request.send(body);
  });
}

const isStored = ({ status }) => status === 200 || status === 201;
const nextByte = ({ range }) => (range ? Number(range.split("-")[1]) + 1 : 0);
const retryable = (message) => Object.assign(new Error(message), { status: 0 });
const refusal = ({ status, text }) =>
  Object.assign(new Error(status ? text.slice(0, 200) || `The server answered ${status}.` : "The server does not answer."), { status });

// Tells names apart inside an idempotency key (FNV-1a, twice); no secret depends on it.
function digest(text) {
  let [first, second] = [0x811c9dc5, 0x1b873593];
  for (const byte of new TextEncoder().encode(text)) {
    first = Math.imul(first ^ byte, 0x01000193) >>> 0;
    second = Math.imul(second ^ byte, 0x85ebca6b) >>> 0;
  }
  return first.toString(16).padStart(8, "0") + second.toString(16).padStart(8, "0");
}
