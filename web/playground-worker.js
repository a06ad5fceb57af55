// The board of the playground: a flash that stays, MicroPython on it, and news of both for the page.
import { Flash, described } from './flash.js';
import * as machine from './machine.js';
import { kept, memory } from './media.js';

const SIZE = 384 * 4096; // as the partition of a board with 4 MiB of flash
const OFTEN = 50; // milliseconds between two pieces of news
const MOST = 200; // calls that one piece tells one by one
let flash = null;
let modules = null;
let python = null;

// -- news

const news = { output: [], calls: [], left: 0, told: 0 };
let before = null; // counts when the call at hand began

const calls = {
  begin() {
    if (before) return false;
    before = { ...flash.counts };
    return true;
  },
  end(name, subject) {
    const { programmed, erased, read } = flash.counts;
    if (news.calls.length === MOST) news.calls.shift();
    news.calls.push({ name, subject, programmed: programmed - before.programmed, erased: erased - before.erased, read: read - before.read });
    before = null;
    if (performance.now() - news.told > OFTEN) tell();
  },
};

function print(bytes) {
  news.output.push(...bytes);
  if (news.output.length > 4096 || performance.now() - news.told > OFTEN) tell();
}

function tell(more = {}) {
  const blocks = [...flash.touched].map((block) => ({ ...described(flash.bytes, block), erases: flash.erases[block] }));
  postMessage({ type: 'news', output: new Uint8Array(news.output), calls: news.calls, blocks, counts: { ...flash.counts }, ...more });
  flash.touched.clear();
  news.output = [];
  news.calls = [];
  news.told = performance.now();
}

function layout() {
  try {
    return JSON.parse(python.pyimport('browser_boot').layout());
  } catch (error) {
    return []; // a program may leave a database in any state
  }
}

// -- what the page asks for

const answers = {
  async start() {
    const coming = fetch('modules.json').then((answer) => answer.json()); // while the file opens
    let why = '';
    const medium = await kept(SIZE).catch((error) => { why = error.message; return memory(new Uint8Array(SIZE).fill(0xff)); });
    modules = await coming;
    flash = new Flash(medium);
    postMessage({ type: 'opened', blocks: flash.blocks, isKept: medium.isKept, why });
    await reset();
    for (let block = 0; block < flash.blocks; block += 1) flash.touched.add(block);
    python.replInit();
    tell({ state: 'ready', layout: layout() });
  },

  // As `mpremote run`: a reset, the program, and then the prompt, with what the program has defined.
  async run({ code }) {
    await reset();
    let ok = true;
    try {
      python.runPython(code);
    } catch (error) {
      ok = false;
      print(new TextEncoder().encode(`${error.message}\r\n`));
    }
    before = null;
    python.replInit();
    tell({ state: 'ready', ok, layout: layout(), files: Object.keys(machine.files(python)) });
  },

  input({ text }) {
    for (const byte of new TextEncoder().encode(text)) {
      if (python.replProcessChar(byte)) python.replInit(); // Ctrl-D: there is nothing to leave
      before = null;
    }
    tell({ state: 'ready', layout: text.includes('\r') ? layout() : undefined, files: Object.keys(machine.files(python)) });
  },

  async erase() {
    flash.eraseAll();
    await reset();
    python.replInit();
    tell({ state: 'ready', layout: [] });
  },

  image() {
    postMessage({ type: 'file', name: 'playground.img', bytes: flash.bytes.slice() });
  },

  file({ name }) {
    postMessage({ type: 'file', name, bytes: machine.files(python)[name] });
  },
};

async function reset() {
  const files = python ? machine.files(python) : {};
  python = await machine.boot(flash, modules, print, calls);
  machine.putFiles(python, files);
}

let queue = Promise.resolve();

onmessage = ({ data }) => {
  queue = queue.then(() => answers[data.type](data)).catch((error) => { postMessage({ type: 'failed', message: error.message }); });
};
