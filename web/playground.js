// The playground: programs, an editor, a prompt, and the flash below. MicroPython runs in a worker.
import { edit } from './editor.js';
import { $, download, element } from './elements.js';
import { Picture } from './picture.js';
import { prompt } from './terminal.js';

const DRAFT = 'unosql playground program';
const picture = new Picture({ map: $('map'), levels: $('levels'), calls: document.querySelector('#calls tbody'), totals: $('totals') });
const terminal = prompt($('prompt'), typed);
const editor = edit($('editor'), run, edited);
let worker = null;
let programs = [];

function state(name) {
  document.body.dataset.state = name; // starting, ready, running or failed
  performance.mark(name);
  $('run').disabled = name !== 'ready';
  $('erase').disabled = $('image').disabled = name !== 'ready';
  $('state').textContent = { starting: 'starting', ready: 'ready', running: 'running', failed: 'not running' }[name];
}

function note(text) {
  $('note').textContent = text;
  $('note').hidden = !text;
}

// -- the board

function start() {
  worker?.terminate();
  state('starting');
  const { started } = window; // by start.js, the first time
  window.started = null;
  worker = started?.worker || new Worker('playground-worker.js', { type: 'module' });
  worker.onmessage = ({ data }) => heard[data.type](data);
  worker.onerror = (event) => heard.failed({ message: event.message || 'a file of this page is missing' });
  if (started) started.heard.forEach(worker.onmessage);
  else worker.postMessage({ type: 'start' });
}

const heard = {
  opened({ blocks, isKept, why }) {
    picture.size(blocks);
    note(isKept ? '' : `What is stored now is lost when this page is closed: ${reason(why)}`);
  },
  news(data) {
    terminal.write(data.output);
    picture.show(data);
    if (data.files) list(data.files);
    if ('ok' in data) document.body.dataset.ok = data.ok;
    if (data.state) state(data.state);
  },
  file({ name, bytes }) {
    download(name, bytes);
  },
  failed({ message }) {
    note(`MicroPython does not run: ${message}. Load the page again; if that does not help, use a newer browser.`);
    state('failed');
  },
};

function reason(why) {
  return /access handle|NoModification|another/i.test(why) ? 'another tab has the playground open.' : `this browser keeps no files for pages (${why}).`;
}

function list(files) {
  $('files').hidden = !files.length;
  $('files').replaceChildren('Files of the board, kept until this page is closed: ', ...files.map((name) => element('button',
    { type: 'button', className: 'link', onclick: () => worker.postMessage({ type: 'file', name }) }, name)));
}

function typed(text) {
  if (document.body.dataset.state !== 'ready') return;
  if (text.includes('\r')) state('running');
  worker.postMessage({ type: 'input', text });
}

function run() {
  if ($('run').disabled) return;
  state('running');
  delete document.body.dataset.ok;
  terminal.reset();
  worker.postMessage({ type: 'run', code: editor.text });
}

// -- programs

function edited(text) {
  $('programs').value = programs.find((one) => one.code === text)?.id || '';
  try {
    localStorage.setItem(DRAFT, text);
  } catch (error) { /* a browser that keeps nothing */ }
}

function remembered() {
  try {
    return localStorage.getItem(DRAFT);
  } catch (error) {
    return null;
  }
}

async function load() {
  programs = await (await fetch('programs.json')).json();
  const groups = [...new Set(programs.map((one) => one.group))];
  $('programs').replaceChildren(element('option', { value: '' }, 'your own'), ...groups.map((label) => element('optgroup', { label },
    ...programs.filter((one) => one.group === label).map((one) => element('option', { value: one.id }, one.title)))));
  const asked = programs.find((one) => one.id === location.hash.slice(1));
  const draft = remembered();
  if (asked || !draft) choose((asked || programs[0]).id);
  else editor.text = draft;
}

function choose(id) {
  const program = programs.find((one) => one.id === id);
  if (!program) return;
  editor.text = program.code;
  history.replaceState(null, '', `#${id}`);
}

function listen() {
  $('run').addEventListener('click', run);
  $('cut').addEventListener('click', () => {
    terminal.write('\r\n\r\n--- power cut ---\r\n\r\n');
    start();
  });
  $('image').addEventListener('click', () => worker.postMessage({ type: 'image' }));
  $('erase').addEventListener('click', () => { if (confirm('Erase the flash of the playground, with all databases on it?')) worker.postMessage({ type: 'erase' }); });
  $('programs').addEventListener('change', () => choose($('programs').value));
  addEventListener('hashchange', () => choose(location.hash.slice(1)));
}

listen();
start();
load().catch((error) => note(`The programs cannot be had: ${error.message}`));
navigator.serviceWorker?.register('service-worker.js').catch(() => {}); // without it the page needs the network, and works
