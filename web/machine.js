// MicroPython with unosql inside, over a flash: what a board is. In a worker; a new one is a board after a reset.
import { cbc } from '@noble/ciphers/aes.js';
import { loadMicroPython } from './micropython/micropython.mjs';
import { EIO, ERASE } from './flash.js';

const HEAP = 4 << 20; // bytes at first; it grows
const HOME = '/flash'; // where programs put files
let compiled = null;

// modules: {path: text} of what can be imported. write: is given what is printed, as bytes. calls: {begin, end} that are told of
// each call of the database, or null.
export async function boot(flash, modules, write, calls) {
  generation += 1;
  const { python, memory } = await loaded({ heapsize: HEAP, linebuffer: false, stdout: write, stderr: write });
  install(python.FS, '/lib', modules);
  python.FS.mkdir(HOME);
  python.FS.chdir(HOME);
  python.registerJsModule('unosql_port', port(memory, flash, calls));
  python.runPython(`import sys\nsys.path.append("/lib")\nimport browser_boot\nbrowser_boot.install()${calls ? '\nbrowser_boot.trace()' : ''}`);
  return python;
}

// MicroPython, and its memory, which the build keeps to itself: its instance is caught on the way. It is compiled once.
async function loaded(options) {
  let memory = null;
  const { instantiateStreaming } = WebAssembly;
  WebAssembly.instantiateStreaming = async (response, imports) => {
    compiled ??= WebAssembly.compileStreaming(response);
    const instance = await WebAssembly.instantiate(await compiled, imports);
    memory = Object.values(instance.exports).find((one) => one instanceof WebAssembly.Memory);
    return { instance, module: await compiled };
  };
  try {
    const python = await loadMicroPython(options);
    return { python, memory };
  } finally {
    WebAssembly.instantiateStreaming = instantiateStreaming;
  }
}

function install(files, root, modules) {
  files.mkdir(root);
  const made = new Set();
  for (const [path, text] of Object.entries(modules)) {
    const parts = path.split('/').slice(0, -1);
    parts.forEach((_, i) => {
      const folder = `${root}/${parts.slice(0, i + 1).join('/')}`;
      if (!made.has(folder)) files.mkdir(folder);
      made.add(folder);
    });
    files.writeFile(`${root}/${path}`, text);
  }
}

// The files of programs, {name: bytes}: they outlast a reset, as on a board.
export function files(python) {
  const found = {};
  for (const name of python.FS.readdir(HOME)) {
    const path = `${HOME}/${name}`;
    if (python.FS.isFile(python.FS.stat(path).mode)) found[name] = python.FS.readFile(path);
  }
  return found;
}

export function putFiles(python, found) {
  for (const [name, bytes] of Object.entries(found)) python.FS.writeFile(`${HOME}/${name}`, bytes);
}

// What an earlier MicroPython has left to be called, timers and finalizers, must not reach the one that follows it: it goes by numbers.
let generation = 0;
const { setTimeout, FinalizationRegistry } = self;

function ours(call) {
  const born = generation;
  return (...given) => { if (born === generation) call(...given); };
}

self.setTimeout = (call, ms) => setTimeout.call(self, ours(call), ms);
self.FinalizationRegistry = class extends FinalizationRegistry {
  constructor(call) {
    super(ours(call));
  }
};

// What the Python side calls. Bytes are where it says, in MicroPython's memory; a number that is returned is an errno.
function port(wasm, flash, calls) {
  const memory = (address, length) => new Uint8Array(wasm.buffer, address, length); // the buffer is another one after it has grown
  return {
    blocks: () => flash.blocks,
    erase_size: () => ERASE,
    read: (block, offset, address, length) => guarded(() => flash.read(block, offset, memory(address, length))),
    program: (block, offset, address, length) => guarded(() => flash.program(block, offset, memory(address, length))),
    erase: (block) => guarded(() => flash.erase(block)),
    sync: () => guarded(() => flash.sync()),
    random: (address, length) => { memory(address, length).set(crypto.getRandomValues(new Uint8Array(length))); },
    aes: (encrypting, key, keySize, iv, source, target, length) =>
      cipher(encrypting, memory(key, keySize), memory(iv, 16), memory(source, length), memory(target, length)),
    begin: () => (calls ? calls.begin() : false),
    end: (name, subject) => calls.end(name, subject),
  };
}

function guarded(work) {
  try {
    work();
    return 0;
  } catch (error) {
    console.warn('flash:', error.message);
    return EIO;
  }
}

// The initialization vector becomes the last block of the text, so that the next call goes on.
function cipher(encrypting, key, iv, source, target) {
  if (!source.length) return;
  const aes = cbc(key.slice(), iv.slice(), { disablePadding: true });
  const text = source.slice();
  const made = encrypting ? aes.encrypt(text) : aes.decrypt(text);
  iv.set((encrypting ? made : text).subarray(-16));
  target.set(made);
}
