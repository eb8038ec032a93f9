// The API under this page's own origin: every request carries the session's cookie and nothing else.

/** An answer that is not what was asked for. `code` is the API's; 0 is the status of no answer at all. */
export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const LOST = "The server does not answer.";
const API = new URL("api/", document.baseURI);
const KEPT = `calypso session ${API.pathname}`;

/** Return the address of `path` below the session's own segment of `api/`, which its cookie is sent to. */
export function apiAddress(path) {
  let segment = null;
  try {
    segment = localStorage.getItem(KEPT);
  } catch {
    // A browser that keeps nothing has no session either.
  }
  return new URL(segment ? `${segment}/${path}` : path, API);
}

/** @typedef {{query?: Object<string, any>, body?: any, headers?: Object<string, string>, signal?: AbortSignal}} Asked */

/** Ask for `path` below `api/`; return the parsed answer, or raise `Refused`. */
export async function call(method, path, /** @type {Asked} */ options = {}) {
  const response = await send(method, path, options);
  const answer = await readAnswer(response);
  if (answer === null) throw new Refused(response.status, "no_answer", "The page cannot read the server's answer.");
  return answer;
}

/** Ask for `path` below `api/`; return the answer as it is where it is one, or raise `Refused`. */
export async function send(method, path, /** @type {Asked} */ { query = {}, body, headers = {}, signal } = {}) {
  const url = apiAddress(path);
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== "" && value !== null) url.searchParams.set(name, value);
  /** @type {RequestInit & {headers: Object<string, string>}} */
  const sent = { method, headers: { ...headers }, signal, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    sent.body = JSON.stringify(body);
    sent.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(url, sent);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "no_answer", LOST);
  }
  if (response.ok) return response;
  const told = await readAnswer(response);
  const message = told?.error?.message ?? told?.error_description ?? told?.message;
  throw new Refused(response.status, told?.error?.code ?? "http_error", message ?? `The server answered ${response.status}.`);
}

async function readAnswer(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    // Left by the view, or cut off.
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "no_answer", LOST);
  }
}

/** Return who is signed in and what the server says of itself. */
export const session = () => call("GET", "session");
/** Begin a session with the pass of a link, or a token. */
export async function signIn(given) {
  const { segment } = await call("POST", "session", { body: { given } });
  localStorage.setItem(KEPT, segment);
}
/** End the session in this browser. */
export async function signOut() {
  await call("DELETE", "session");
  localStorage.removeItem(KEPT);
}
