// The engine's entry in place of wasm-bindgen's own, which can be given modules of all kinds and in all ways. `ENGINE` is the bundle's name.
import { __wbg_finalize_init as finish, __wbg_get_imports as imports, openEngine } from './ENGINE.js';

let loading;

async function load() {
  const response = await fetch(new URL('ENGINE_bg.wasm', import.meta.url));
  if (!response.ok) throw new Error(`the engine's module came with the status ${response.status}`);
  // A module is compiled while it comes only when the server says what it is.
  const isNamed = response.headers.get('content-type') === 'application/wasm';
  const { instance } = await (isNamed
    ? WebAssembly.instantiateStreaming(response, imports())
    : WebAssembly.instantiate(await response.arrayBuffer(), imports()));
  finish(instance);
}

/** Loads the engine, once; after a failure the next call tries again. */
export default () =>
  (loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  }));

export { openEngine };
