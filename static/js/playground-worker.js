// Runs the generated SDKs for the playground: the TypeScript package as it is, and the Python package in Pyodide, which
// is loaded by the first Python run alone. It is told {type: "start", sdk, python, pyodide…}, then {type: "run", …} and
// {type: "stop", run}; it tells {run, kind, …} of everything that happens, and keeps nothing.

/** @type {any} */
let facts;
/** @type {Promise<any> | undefined} */
let typescript;
/** @type {Promise<any> | undefined} */
let python;
/** @type {Map<string, () => void>} */
const stops = new Map();

addEventListener("message", ({ data }) => {
  if (data.type === "start") facts = data.facts;
  else if (data.type === "stop") stops.get(data.run)?.();
  else if (data.type === "run") void run(data);
});

/** @param {any} asked */
async function run(asked) {
  const tell = (/** @type {string} */ kind, /** @type {object} */ said = {}) => {
    postMessage({ run: asked.run, kind, at: performance.now() - began, ...said });
  };
  const began = performance.now();
  try {
    await (asked.language === "python" ? runPython(asked, tell) : runTypeScript(asked, tell));
  } catch (error) {
    tell("failed", failure(error));
  } finally {
    stops.delete(asked.run);
    tell("over");
  }
}

// ---- TypeScript -----------------------------------------------------------------------------------------------------
/**
 * @param {any} asked
 * @param {(kind: string, said?: any) => void} tell
 */
async function runTypeScript(asked, tell) {
  const controller = new AbortController();
  stops.set(asked.run, () => controller.abort());
  const { Gateway } = await (typescript ??= import(facts.sdk));
  controller.signal.throwIfAborted();
  const client = new Gateway({
    baseUrl: location.origin,
    apiKey: asked.secret,
    maxRetries: asked.maxRetries,
    timeouts: asked.timeouts,
    logLevel: "off",
    fetch: watched(tell),
    onRetry: (/** @type {any} */ retry) => {
      tell("retry", { retries: retry.retries, delayMs: retry.delayMs, status: retry.status, text: String(retry.reason) });
    },
  });
  tell("begun");
  const options = { signal: controller.signal, gateway: asked.gateway };
  const stream = await client.chat.completions.stream(asked.body, options);
  for await (const event of stream.events()) {
    if ("choices" in event) tell("chunk", { chunk: event });
    else tell("unknown", { event: event.event, data: event.data });
  }
  tell("done", { gateway: stream.gateway, whole: stream.partial });
}

/**
 * The platform's fetch, with each try told of and the bytes of a stream shown as they pass.
 * @param {(kind: string, said?: any) => void} tell
 */
function watched(tell) {
  let tries = 0;
  return async (/** @type {string} */ url, /** @type {RequestInit} */ init) => {
    const number = ++tries;
    tell("try", { number });
    let response;
    try {
      response = await fetch(url, init);
    } catch (error) {
      tell("unanswered", { number, text: String(error) });
      throw error;
    }
    const headers = Object.fromEntries(response.headers);
    tell("answered", { number, status: response.status, headers });
    if (response.body === null || !/event-stream/.test(headers["content-type"] ?? "")) return response;
    const decoder = new TextDecoder();
    const spy = new TransformStream({
      transform(piece, out) {
        tell("raw", { text: decoder.decode(piece, { stream: true }) });
        out.enqueue(piece);
      },
    });
    return new Response(response.body.pipeThrough(spy), response);
  };
}

/** @param {any} error */
function failure(error) {
  return {
    name: error?.name ?? "Error",
    text: error?.message ?? String(error),
    status: error?.status ?? null,
    code: error?.code ?? null,
    requestId: error?.requestId ?? error?.gateway?.requestId ?? null,
    partial: error?.partial ?? null,
  };
}

// ---- Python ---------------------------------------------------------------------------------------------------------
/**
 * @param {any} asked
 * @param {(kind: string, said?: any) => void} tell
 */
async function runPython(asked, tell) {
  let isStopped = false;
  stops.set(asked.run, () => (isStopped = true));
  if (python === undefined) tell("loading");
  const { call, stop } = await (python ??= loadPython().catch((error) => {
    python = undefined;
    throw error;
  }));
  if (isStopped) throw new DOMException("The call was stopped.", "AbortError");
  tell("begun");
  const emit = (/** @type {string} */ kind, /** @type {string} */ said) => tell(kind, JSON.parse(said));
  stops.set(asked.run, () => stop(asked.run)); // what `call` returns is gone once it is awaited, and cannot be cancelled
  await call(JSON.stringify({ ...asked, origin: location.origin }), emit);
}

async function loadPython() {
  const { loadPyodide } = await import(facts.pyodide);
  const pyodide = await loadPyodide({ indexURL: facts.pyodideFolder, packageBaseUrl: facts.pyodideFolder });
  const [sdk, caller] = await Promise.all([fetch(facts.python), fetch(facts.caller)]);
  for (const { ok, url, status } of [sdk, caller]) if (!ok) throw new Error(`${url} could not be loaded: ${status}`);
  pyodide.unpackArchive(await sdk.arrayBuffer(), "zip", { extractDir: "/sdk" });
  pyodide.runPython(await caller.text());
  return { call: pyodide.globals.get("call"), stop: pyodide.globals.get("stop") };
}
