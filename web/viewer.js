// A database that is looked at: asks the worker that has it open, and makes of its answers what the page of `unosql browse` shows.
import { wear } from './images.js';
import { condition } from './filters.js';
import { epoch, texts } from './times.js';

const POINTS = 2000; // of a line in a chart
const PART = 1000; // records of an export that are asked for at a time

export class Viewer {
  // source: as viewer-worker.js takes it, with a name and a label. key: bytes or null
  constructor(source) {
    this.source = source;
    this.number = 0;
    this.waiting = new Map();
    this.worker = new Worker('viewer-worker.js', { type: 'module' });
    this.worker.onmessage = ({ data }) => this.heard(data);
    this.worker.onerror = (event) => this.end(new Error(event.message || 'a file of this page is missing'));
  }

  // The error has the kind 'WrongKeyError' when the database is encrypted under another key, or under any.
  async open(key) {
    const { kind, number = 0, bytes, files } = this.source;
    await this.call('open', { kind, number, key: key ? [...key] : null }, { kind, number, bytes, files });
  }

  close() {
    this.worker.terminate();
    this.end(new Error('the database was closed'));
  }

  call(call, parameters = {}, source = undefined) {
    this.number += 1;
    const id = this.number;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, call, parameters, source });
    });
  }

  heard({ id, value, error, kind }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(Object.assign(new Error(error), { kind }));
  }

  end(error) {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  // As GET of api/PATH of `unosql browse`: pc/unosql_pc/browse_server.py.
  async ask(path, parameters = {}) {
    if (path === 'databases') {
      return [{ name: this.source.name, label: this.source.label, kind: this.source.kind, collections: await this.call('summary') }];
    }
    return this[path.split('/')[1]](parameters);
  }

  async structure() {
    const facts = { path: this.source.label, kind: this.source.kind, ...await this.call('structure') };
    return this.source.kind === 'flash' ? { ...facts, flash: wear(this.source.bytes, this.source.number) } : facts;
  }

  async records({ collection, where = '', order = '', skip = 0, limit = 50 }) {
    const found = await this.call('records', { collection, ...condition(where), order: names(order), skip: Number(skip), limit: Number(limit) });
    return { total: found.total, skip: Number(skip), rows: found.rows.map(texts), columns: columns(found.rows) };
  }

  async history({ collection, id }) {
    return (await this.call('history', { collection, id: Number(id) })).map(texts);
  }

  async chart({ collection, x, y, by = '', where = '' }) {
    const lines = await this.call('chart', { collection, x, y: names(y), by: by || null, ...condition(where) });
    if (!lines.length) throw new Error(`no record has ${x} and a number in ${y}`);
    const isTime = x === 'timestamp';
    return { time: isTime, zone: 'UTC', lines: lines.map(({ label, x: xs, y: ys }) => line(label, isTime ? xs.map((at) => at + epoch(at)) : xs, ys)) };
  }

  // The bytes of an export, part after part.
  async file(path, { collection, where = '', order = '', form }) {
    const rows = [];
    for (let skip = 0; ; skip += PART) {
      const part = await this.call('table', { collection, ...condition(where), order: names(order), skip });
      rows.push(...part);
      if (part.length < PART) break;
    }
    return new Blob([form === 'csv' ? csv(rows.map(texts)) : rows.map((row) => `${JSON.stringify(texts(row))}\n`).join('')]);
  }
}

const names = (text) => text.split(',').filter((name) => name);

// id first, then as they come, the other two of the database's own last.
export function columns(rows) {
  const found = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const last = ['timestamp', 'version'].filter((name) => found.includes(name));
  return ['id', ...found.filter((name) => name !== 'id' && !last.includes(name)), ...last].filter((name) => found.includes(name));
}

// Text that a spreadsheet would compute has a ' before it, which `unosql import` takes away again.
const FORMULA = /^'*[=+\-@\t\r]/;

function cell(value) {
  if (value === undefined) return '';
  const text = typeof value === 'string' ? value.replace(FORMULA, (start) => `'${start}`) : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(rows) {
  const heads = columns(rows);
  return [heads.map(cell), ...rows.map((row) => heads.map((name) => cell(row[name])))].map((cells) => `${cells.join(',')}\r\n`).join('');
}

// Points by ascending x; of many, the highest and the lowest of each stretch.
function line(label, xs, ys) {
  let points = xs.map((x, i) => [x, ys[i]]).sort((a, b) => a[0] - b[0]);
  if (points.length > POINTS) {
    const step = Math.ceil((2 * points.length) / POINTS);
    const kept = [];
    for (let i = 0; i < points.length; i += step) {
      const part = points.slice(i, i + step);
      const low = part.reduce((a, b) => (b[1] < a[1] ? b : a));
      const high = part.reduce((a, b) => (b[1] > a[1] ? b : a));
      kept.push(...(low === high ? [low] : [low, high].sort((a, b) => a[0] - b[0])));
    }
    points = kept;
  }
  return { label, x: points.map((point) => point[0]), y: points.map((point) => point[1]) };
}
