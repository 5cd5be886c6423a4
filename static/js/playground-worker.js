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
  const answer = await fetch(facts.python);
  if (!answer.ok) throw new Error(`The Python package could not be loaded: ${answer.status}`);
  pyodide.unpackArchive(await answer.arrayBuffer(), "zip", { extractDir: "/sdk" });
  pyodide.runPython(PYTHON);
  return { call: pyodide.globals.get("call"), stop: pyodide.globals.get("stop") };
}

const PYTHON = `
import asyncio
import json
import sys

sys.path.insert(0, "/sdk")
from llm_gateway import AsyncGateway, errors
from llm_gateway._runtime.aio import FetchTransport
from llm_gateway._runtime.options import Timeouts


class Body:
    """The answer's bytes, shown as they pass."""

    def __init__(self, inner, emit):
        self._inner, self._emit = inner, emit

    async def pieces(self):
        async for piece in self._inner.pieces():
            self._emit("raw", json.dumps({"text": piece.decode("utf-8", "replace")}))
            yield piece

    async def read(self):
        return await self._inner.read()

    async def close(self):
        await self._inner.close()


class Watched(FetchTransport):
    """The package's own transport, with each try told of."""

    def __init__(self, base_url, emit):
        super().__init__(base_url)
        self._emit, self._tries = emit, 0

    async def send(self, request):
        self._tries += 1
        self._emit("try", json.dumps({"number": self._tries}))
        try:
            reply = await super().send(request)
        except errors.GatewayError as error:
            self._emit("unanswered", json.dumps({"number": self._tries, "text": str(error)}))
            raise
        said = {"number": self._tries, "status": reply.status, "headers": dict(reply.headers)}
        self._emit("answered", json.dumps(said))
        if reply.status < 400:
            reply.body = Body(reply.body, self._emit)
        return reply


RUNNING = {}


def stop(run):
    if run in RUNNING:
        RUNNING[run].cancel()


async def call(text, emit):
    asked = json.loads(text)
    RUNNING[asked["run"]] = asyncio.current_task()

    def on_retry(retry):
        said = {"retries": retry.attempt, "delayMs": retry.delay_s * 1000, "status": retry.status, "text": retry.reason}
        emit("retry", json.dumps(said))

    seconds = {name: value / 1000 for name, value in asked["timeouts"].items()}
    timeouts = Timeouts(**{{"firstByte": "first_byte"}.get(name, name): value for name, value in seconds.items()})
    options = {"max_retries": asked["maxRetries"], "timeouts": timeouts, "on_retry": on_retry}
    transport = Watched(asked["origin"], emit)
    try:
        async with AsyncGateway(base_url=asked["origin"], api_key=asked["secret"], transport=transport, **options) as client:
            stream = await client.chat.completions.stream(**asked["body"], request_options=request_options(asked))
            seen = 0
            async with stream:
                async for chunk in stream:
                    for event, data in stream.unknown[seen:]:
                        emit("unknown", json.dumps({"event": event, "data": json.dumps(data)}))
                    seen = len(stream.unknown)
                    emit("chunk", json.dumps({"chunk": chunk.to_dict()}))
            emit("done", json.dumps({"gateway": about(stream.gateway)}))
    except asyncio.CancelledError:
        emit("failed", json.dumps({"name": "CancelledError", "text": "The call was stopped.", "isStopped": True}))
    except errors.GatewayError as error:
        names = {"status": "status", "code": "code", "requestId": "request_id"}
        said = {name: getattr(error, attribute, None) for name, attribute in names.items()}
        emit("failed", json.dumps({"name": type(error).__name__, "text": str(error), **said}))
    finally:
        del RUNNING[asked["run"]]


def request_options(asked):
    cache = asked["gateway"].get("cache")
    return {"cache": cache} if cache else {}


def about(info):
    return {
        "requestId": info.request_id, "cost": None if info.cost is None else f"{info.cost:f}", "cache": info.cache,
        "provider": info.provider, "model": info.model, "attempts": info.attempts, "retries": info.retries,
    }
`;
