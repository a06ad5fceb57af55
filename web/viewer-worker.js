// A copy of a database, open for reading: MicroPython and the engine over it. One worker for each copy that is looked at.
import { ERASE, Flash } from './flash.js';
import * as machine from './machine.js';
import { memory } from './media.js';

let viewing = null;

// source: {kind: 'flash', number, bytes}, {kind: 'files', files: {name: bytes}} or {kind: 'backup', bytes}
async function boot(source) {
  const modules = await (await fetch('modules.json')).json();
  const bytes = source.kind === 'flash' ? source.bytes : new Uint8Array(room(source)).fill(0xff);
  const python = await machine.boot(new Flash(memory(bytes)), modules, () => {}, null);
  if (source.kind === 'backup') machine.putFiles(python, { 'view.bak': source.bytes });
  if (source.kind === 'files') {
    python.FS.mkdir('/flash/view.udb');
    machine.putFiles(python, Object.fromEntries(Object.entries(source.files).map(([name, data]) => [`view.udb/${name}`, data])));
  }
  viewing = python.pyimport('viewing');
}

// A backup is restored into a flash of memory: it is smaller than what becomes of it, and of that two exist for a while.
function room({ bytes }) {
  return bytes ? Math.max(2 << 20, Math.ceil((8 * bytes.length) / ERASE) * ERASE) : 1 << 20;
}

const pause = () => new Promise((resolve) => { const { port1, port2 } = new MessageChannel(); port1.onmessage = resolve; port2.postMessage(0); });

async function answer({ id, call, parameters }) {
  viewing.begin(call, JSON.stringify(parameters));
  for (;;) {
    const done = JSON.parse(viewing.step());
    if ('value' in done || done.error) {
      postMessage({ id, ...done });
      return;
    }
    await pause(); // others may be waiting: their turn is after this answer, but the worker can be ended
  }
}

let queue = Promise.resolve();

onmessage = ({ data }) => {
  queue = queue.then(async () => {
    if (data.source) await boot(data.source);
    await answer(data);
  }).catch((error) => postMessage({ id: data.id, error: error.message, kind: error.name }));
};
