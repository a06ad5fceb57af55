// Your board: what is on it, over Web Serial; and a database that was copied from there, or from a file, in the page of `unosql browse`.
import { $, download, element } from './elements.js';
import { know, named, sources, zip } from './images.js';
import { Remote, spaces } from './remote.js';
import { Board } from './repl.js';
import { Viewer } from './viewer.js';

const KIB = (bytes) => `${Math.ceil(bytes / 1024).toLocaleString('en')} KiB`;
let board = null;
let remote = null;
let facts = null;
let headers = [];

// -- one thing at a time, and what went wrong

function tell(error) {
  $('error').hidden = !error;
  $('error').textContent = error ? error.message : '';
}

let busy = false;

// Do work that takes a while. what: a word for it. work is given a function (done, of) that shows how far it is.
async function during(what, work) {
  if (busy) return;
  busy = true;
  tell(null);
  $('work').hidden = false;
  $('doing').textContent = what;
  $('progress').removeAttribute('value');
  document.body.setAttribute('aria-busy', 'true');
  try {
    await work((done, of) => { $('progress').max = of; $('progress').value = done; });
  } catch (error) {
    tell(error);
  } finally {
    busy = false;
    $('work').hidden = true;
    document.body.setAttribute('aria-busy', 'false');
  }
}

// -- the board

async function connect() {
  let port = null;
  try {
    port = await navigator.serial.requestPort();
  } catch (error) {
    return; // none was chosen
  }
  await disconnect();
  await during('asking the board', async () => {
    board = new Board(port, gone);
    try {
      await board.open();
      remote = new Remote(board);
      await look();
    } catch (error) {
      await disconnect();
      throw error;
    }
    $('connect').hidden = true;
    $('disconnect').hidden = false;
  });
}

function gone(error) {
  tell(error);
  disconnect();
}

async function disconnect() {
  const was = board;
  board = remote = null;
  $('device').hidden = true;
  $('connect').hidden = !navigator.serial;
  $('disconnect').hidden = true;
  if (was) await was.close();
}

async function look() {
  facts = await remote.facts();
  headers = await remote.headers(facts.blocks, (done) => { $('progress').max = facts.blocks; $('progress').value = done; });
  const directories = await remote.directories();
  const files = (await remote.list('/')).filter((one) => !one.isFolder);
  // logs have the names of their databases, and backups often do
  await know([...files.map((one) => one.name.split('.')[0]), ...directories.map((one) => one.name)]);
  show(directories, files);
}

function show(directories, files) {
  $('machine').textContent = facts.machine;
  const taken = Math.max(0, ...headers.map((one) => one?.counter || 0));
  const flash = facts.blocks
    ? ` Raw flash: ${KIB(facts.blocks * facts.erase)}, ${headers.filter((one) => one?.live).length} of ${facts.blocks} erase blocks in use; `
      + `each was erased ${Number((taken / facts.blocks).toPrecision(2))} times on average, and flash stands some 100,000.` : ' It has no raw flash for unosql.';
  $('facts').textContent = `MicroPython ${facts.micropython}, ${facts.unosql ? `unosql ${facts.unosql}` : 'no unosql'}.`
    + ` Files: ${KIB(facts.files[1])} free of ${KIB(facts.files[0])}.${flash}`;
  const onFlash = [...spaces(headers)].map(([number, { live }]) => ({ number, name: named(number), where: 'raw flash', size: live * facts.erase }));
  const onFiles = directories.map((one) => ({ ...one, where: one.path }));
  $('databases').tBodies[0].replaceChildren(...[...onFlash, ...onFiles].map(row));
  $('databases').hidden = !(onFlash.length + onFiles.length);
  $('naming').hidden = onFlash.every((one) => isNamed(one.name));
  $('files').replaceChildren(...files.map((one) => element('li', {}, one.name, ` (${one.size.toLocaleString('en')} bytes) `,
    button('Save', `Save ${one.name}`, () => during(`copying ${one.name}`, async () => download(one.name, await remote.file(`/${one.name}`)))))));
  $('others').hidden = !files.length;
  $('selftest').disabled = !facts.unosql;
  $('device').hidden = false;
}

const isNamed = (name) => /^[\w-]+$/.test(name); // rather than told by its number

const button = (text, name, onclick) => element('button', { type: 'button', 'aria-label': name, onclick }, text);

function row(database) {
  const { name, where, size } = database;
  return element('tr', {}, element('th', { scope: 'row' }, name), element('td', {}, where), element('td', {}, KIB(size)), element('td', { className: 'do' },
    button('Browse', `Browse ${name}`, () => during(`copying ${name}`, async (progress) => browse(await source(database, progress)))),
    button('Save a copy', `Save a copy of ${name}`, () => during(`copying ${name}`, async (progress) => save(await source(database, progress)))),
    ...(isNamed(name) ? [button('Restore …', `Restore a backup into ${name}`, () => restore(database))] : [])));
}

// A database of the board as a source, copied.
async function source({ name, number, path, files, where }, progress) {
  const label = `${facts.machine}, ${where}: ${name}`;
  if (number !== undefined) return { kind: 'flash', number, name, label, bytes: await remote.image(headers, progress) };
  return { kind: 'files', name, label, files: await remote.files({ path, files }, progress) };
}

function save({ kind, name, bytes, files }) {
  if (kind === 'flash') download(`${name}.img`, bytes);
  else download(`${name}.udb.zip`, zip(name, files));
}

function selftest() {
  const says = $('selftest-says');
  says.hidden = false;
  says.textContent = '';
  return during('running the self-test', () => remote.selftest((heard) => {
    says.textContent = heard;
    says.scrollTop = says.scrollHeight;
  }));
}

// -- restoring, which asks twice

const closed = (dialog) => new Promise((resolve) => {
  dialog.returnValue = '';
  dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  dialog.showModal();
});

async function restore(database) {
  $('backup').value = $('backup-key').value = '';
  if (!await closed($('restoring')) || !$('backup').files.length) return;
  const file = $('backup').files[0];
  const bytes = new Uint8Array(await file.arrayBuffer());
  let key = null;
  let held = null;
  await during('looking into the backup', async () => {
    key = keyOf($('backup-key').value, $('backup-hex').checked);
    held = await contents(file.name, bytes, key);
  });
  if (!held) return;
  if (!await sure(`${file.name} has ${held}. It goes into the database ${database.name} of the board; a full backup replaces what is there.`)) return;
  if (!await sure(`What ${database.name} has now is lost, unless you have a copy. This cannot be undone.`, database.name)) return;
  await during(`restoring ${database.name}`, async (progress) => {
    const there = `/${database.name.replace(/[^\w-]/g, '_')}.push`;
    try {
      await remote.put(there, bytes, progress);
      $('progress').removeAttribute('value');
      const folder = database.path ? database.path.replace(/\/[^/]*$/, '') || '/' : null;
      const restored = await remote.restore(database.name, folder, key, there);
      await remote.remove(there);
      await look();
      $('facts').textContent += ` Restored: ${restored.toLocaleString('en')} records and deletions.`;
    } catch (error) {
      if (remote) await remote.remove(there).catch(() => {});
      throw error;
    }
  });
}

// What a backup holds, in words. It is opened here first: nothing is sent that is damaged, or under another key.
async function contents(name, bytes, key) {
  const [found] = await sources(name, bytes);
  if (found.kind !== 'backup') throw new Error(`${name} is no backup`);
  const viewer = new Viewer(found);
  try {
    await viewer.open(key);
    const collections = await viewer.call('summary');
    return collections.map((one) => `${one.records.toLocaleString('en')} records in ${one.name}`).join(', ') || 'no records';
  } finally {
    viewer.close();
  }
}

function sure(text, name = null) {
  $('sure-text').textContent = text;
  $('sure-again').hidden = name === null;
  $('sure-name').value = '';
  const check = () => { $('sure-yes').disabled = name !== null && $('sure-name').value !== name; };
  check();
  $('sure-name').oninput = check;
  return closed($('sure'));
}

// -- looking into a database

let locked = null; // the source that waits for its key

async function open(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  await during(`opening ${file.name}`, async () => {
    const found = await sources(file.name, bytes);
    if (found.length === 1) await browse(found[0]);
    else choose(found);
  });
}

function choose(found) {
  $('locked').hidden = $('view').hidden = true;
  const list = element('ul', { id: 'choice' }, ...found.map((one) => element('li', {}, button(one.name, `Browse ${one.name}`,
    () => during(`opening ${one.name}`, () => browse(one))))));
  $('choice')?.remove();
  $('view').before(list);
}

async function browse(one, key = null) {
  const viewer = new Viewer(one);
  try {
    await viewer.open(key);
  } catch (error) {
    viewer.close();
    if (error.kind !== 'WrongKeyError') throw error;
    ask(one, key);
    return;
  }
  window.viewer?.close();
  window.viewer = viewer; // the frame asks it
  $('choice')?.remove();
  $('locked').hidden = true;
  $('view').hidden = false;
  $('view').src = `browse/index.html?${Date.now()}`;
  $('view').title = `Database ${one.name}`;
  $('view').scrollIntoView({ block: 'nearest' });
}

function ask(one, key) {
  locked = one;
  $('view').hidden = true;
  $('which').textContent = `${one.name} is encrypted.`;
  $('wrong').textContent = key ? 'This is not its key.' : '';
  $('locked').hidden = false;
  $('key').value = '';
  $('key').focus();
}

// A key as bytes, or null. An error says what is wrong with it.
function keyOf(text, isHex) {
  if (!text) return null;
  const bytes = isHex ? Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16)) : new TextEncoder().encode(text);
  if (isHex && !/^([0-9a-f]{2})+$/i.test(text)) throw new Error('the key is not hex digits, two a byte');
  return bytes;
}

function unlock() {
  return during(`opening ${locked.name}`, async () => browse(locked, keyOf($('key').value, $('hex').checked)));
}

// -- together

function listen() {
  $('unsupported').hidden = Boolean(navigator.serial);
  $('connect').hidden = !navigator.serial;
  $('connect').addEventListener('click', connect);
  $('disconnect').addEventListener('click', () => { tell(null); disconnect(); });
  $('open').addEventListener('click', () => $('file').click());
  $('file').addEventListener('change', () => { if ($('file').files.length) open($('file').files[0]); $('file').value = ''; });
  $('selftest').addEventListener('click', selftest);
  $('locked').addEventListener('submit', (event) => { event.preventDefault(); unlock(); });
  $('naming').addEventListener('submit', async (event) => {
    event.preventDefault();
    await know([$('name').value]);
    await during('looking', look);
  });
  addEventListener('pagehide', disconnect); // so that the board goes on, as far as a page that ends can see to it
  addEventListener('dragover', (event) => event.preventDefault());
  addEventListener('drop', (event) => { event.preventDefault(); if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]); });
}

listen();
navigator.serviceWorker?.register('service-worker.js').catch(() => {}); // without it the page needs the network, and works
