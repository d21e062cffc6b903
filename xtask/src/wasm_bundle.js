// Makes one file of entry, glue and the JavaScript that crates bring along, and takes comments, space and long names out of it, as any bundler does:
// not every application has one.
const [dir, name, entry] = process.argv.slice(1);
const { readFileSync, rmSync, writeFileSync } = require('node:fs');

const named = (file) => `${dir}/${file}`;

// A character is three bytes at most.
const PASS_STRING = `function passStringToWasm0(text, malloc, realloc) {
    const most = text.length * 3;
    const at = malloc(most, 1) >>> 0;
    WASM_VECTOR_LEN = most && cachedTextEncoder.encodeInto(text, getUint8ArrayMemory0().subarray(at, at + most)).written;
    return most ? realloc(at, most, WASM_VECTOR_LEN, 1) >>> 0 : at;
}
`;

// Every browser that has reference types has finalizers.
const DTORS = /const CLOSURE_DTORS = [^>]*> \{\}, [^>]*> \{\} \}\s*: new FinalizationRegistry\(state =>/;

// It is called once, before there is any view of the memory.
const START = /function __wbg_finalize_init\(instance, module\) \{[^}]*\n    (wasm\.\w+\(\);)\n    return wasm;\n\}/;

const VIEW = `function getDataViewMemory0() {
    if (cachedDataViewMemory0?.buffer !== wasm.memory.buffer) cachedDataViewMemory0 = new DataView(wasm.memory.buffer);
    return cachedDataViewMemory0;
}
`;

/** The code with another block at its outermost level in place of the one that begins like this. */
function withBlock(code, beginning, block) {
  const from = code.indexOf(`\n${beginning}`) + 1;
  const to = code.indexOf('\n}\n', from) + 3;
  if (from === 0 || to === 2) throw new Error(`the glue does not look as it did: it has no \`${beginning}\``);
  return code.slice(0, from) + block + code.slice(to);
}

/** The code with another part in place of the one that looks like this. */
function withPart(code, pattern, part) {
  if (!pattern.test(code)) throw new Error(`the glue does not look as it did: it has no \`${pattern.source}\``);
  return code.replace(pattern, part);
}

import('rolldown').then(async ({ rolldown }) => {
  const [glue, types, input] = [named(`${name}.js`), named(`${name}.d.ts`), named('entry.js')];
  // Every browser that has WebAssembly of today has `encodeInto`, and one way to pass a text is enough.
  let code = withBlock(readFileSync(glue, 'utf8'), "if (!('encodeInto' in ", '');
  code = withBlock(code, 'function passStringToWasm0(', PASS_STRING);
  code = withBlock(code, 'function getDataViewMemory0(', VIEW);
  code = withPart(code, START, 'function __wbg_finalize_init(instance) {\n    wasm = instance.exports;\n    $1\n}');
  code = withPart(code, DTORS, 'const CLOSURE_DTORS = new FinalizationRegistry(state =>');
  // Of items of one byte, and of fields without any before them.
  code = withPart(code, / (\+ [48] \* 0|[*/] 1)\b/g, '');
  // Parts of the glue that the entry puts to its own use.
  writeFileSync(glue, `${code}\nexport { __wbg_finalize_init, __wbg_get_imports };\n`);
  writeFileSync(input, entry);
  const bundle = await rolldown({ input });
  const { output } = await bundle.generate({ minify: true });
  if (output.length > 1) throw new Error('the glue became several files');
  writeFileSync(glue, output[0].code);
  const declared = readFileSync(types, 'utf8');
  const end = declared.indexOf('export type InitInput');
  if (end < 0) throw new Error('the types do not look as they did');
  const own = declared.slice(0, end).replace('export function start(): void;\n', '');
  writeFileSync(types, `${own}/** Loads the engine, once; after a failure the next call tries again. */\nexport default function load(): Promise<void>;\n`);
  rmSync(input);
});
